/** The client in Python with a trainer of the user's own, against a server whose task has one. */
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Workplace } from '../cli/fedloom.js';
import { describePython, PYTHON } from './python.js';
import { pythonClient } from './python-process.js';

/** Batch norm, an integer buffer; it draws from PyTorch's generator, so that seeds show. */
const TRAINER = `
import json

import torch
from fedml_core.trainer.model_trainer import ModelTrainer


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 8)
        self.norm = torch.nn.BatchNorm1d(8)
        self.last = torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


def create_model(args):
    return Net()


class NetTrainer(ModelTrainer):
    def get_model_params(self):
        return self.model.cpu().state_dict()

    def set_model_params(self, params):
        self.model.load_state_dict(params)

    def get_local_sample_number(self, path):
        return 10 + self.id

    def train(self, device, args, train_path):
        assert train_path == "data/client_%d_train" % (self.id + 1), train_path
        self.model.to(device).train()
        optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr)
        for _ in range(args.epochs):
            x = torch.randn(16, 4)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(self.model(x), (x.sum(1) > 0).long()).backward()
            optimizer.step()

    def test(self, device, args, test_path):
        self.model.to(device).eval()
        return json.dumps({"mean": self.model(torch.ones(3, 4)).mean().item()})
`;
const TASK = `
import { defineTask, pythonTrainer } from 'fedloom';

export default defineTask({
  name: 'net',
  trainer: pythonTrainer({
    trainer: 'f.py:NetTrainer',
    model: 'f.py:create_model',
    args: { epochs: 2, lr: 0.1, data_path: 'data' },
  }),
});
`;
const ENV = { FEDLOOM_PYTHON: PYTHON };
const SIZE = '3 2 3 --seed 5 --json';
const OWN = ['--trainer', 'f.py:NetTrainer', '--model', 'f.py:create_model', '--data', 'data'];
const ARGS = ['--arg', 'epochs=2', '--arg', 'lr=0.1'];

async function serve(place: Workplace, options: string) {
  const server = place.start(`server task.ts ${SIZE} ${options} --listen 127.0.0.1:0`, ENV);
  const { url } = await server.event('listening');
  return { server, url: String(url) };
}

/** The same without PyTorch. */
const SMALL = `
import numpy as np
from fedml_core.trainer.model_trainer import ModelTrainer


class AddTrainer(ModelTrainer):
    params = {"w": np.zeros(2, np.float32)}

    def get_model_params(self):
        return self.params

    def set_model_params(self, params):
        self.params = params

    def get_local_sample_number(self, path):
        return 1

    def train(self, device, args, train_path):
        if self.id == 1:
            raise ValueError("client 1 cannot")
        self.params = {"w": self.params["w"] + np.float32(args.step)}

    def test(self, device, args, test_path):
        return {"first": float(self.params["w"][0])}
`;
const SMALL_TASK = `
import { defineTask, pythonTrainer } from 'fedloom';

export default defineTask({ name: 'small', trainer: pythonTrainer({ trainer: 'f.py:AddTrainer', args: { step: 1 } }) });
`;

// Several processes of Python at a time, on few cores.
vi.setConfig({ testTimeout: 240_000 });

describePython('the client in Python with a trainer', () => {
  it('trains with PyTorch the model of a run in Node, and leaves buffers out of topK', async () => {
    const place = await Workplace.create({ 'task.ts': TASK, 'f.py': TRAINER });
    const { server, url } = await serve(place, '--stage topK(fraction=0.5)');
    const alone = place.start(`run task.ts ${SIZE} --stage topK(fraction=0.5)`, ENV);
    const args = ['--server', url, '--index', '0-2', ...OWN, ...ARGS];
    const { code, stderr } = await pythonClient(args, { cwd: place.path }).ended;
    expect(code, stderr).toBe(0);
    const [served, simulated] = [await server.event('finished'), await alone.event('finished')];
    expect([served.modelHash, served.clientMetrics]).toEqual([simulated.modelHash, simulated.clientMetrics]);
  });

  it('tells with its traceback what the trainer raised, and the run goes on', async () => {
    const place = await Workplace.create({ 'task.ts': SMALL_TASK, 'f.py': SMALL });
    const { server, url } = await serve(place, '');
    const args = ['--server', url, '--index', '0-2', '--trainer', 'f.py:AddTrainer', '--arg', 'step=0.5'];
    const { code, stderr } = await pythonClient(args, { cwd: place.path }).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(new RegExp(`File "${join(place.path, 'f.py')}", line \\d+, in train`));
    expect(stderr).toContain('client 1 failed: client 1 cannot');
    expect(await server.event('finished')).toMatchObject({ rounds: 3, clientMetrics: { first: 1.5 } });
  });

  it.each([
    [
      'a class that is not there',
      ['--trainer', 'f.py:AddTrainee'],
      /has no AddTrainee\. Did you mean AddTrainer\? \[python\.load\]/,
    ],
    ['a name without a file', ['--trainer', 'AddTrainer'], /'AddTrainer' must be FILE:NAME or MODULE:NAME/],
    ['parts for a task with a trainer', [], /task 'small' uses trainers: start this client with --trainer FILE:CLASS/],
  ])('refuses %s', async (_, own, said) => {
    const place = await Workplace.create({ 'task.ts': SMALL_TASK, 'f.py': SMALL });
    const { url } = await serve(place, '');
    const args = ['--server', url, '--index', '0-2', '--data', '.', ...own];
    const { code, stderr } = await pythonClient(args, { cwd: place.path }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(said);
  });
});
