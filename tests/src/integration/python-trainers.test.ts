/** Trainers in Python, with PyTorch, in processes of their own. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Workplace } from '../cli/fedloom.js';
import { describePython, PYTHON } from './python.js';

/** Batch norm, a buffer of integers, a 0-d parameter; it checks what it is given, and draws from each generator. */
const NET = `
import random
from collections import OrderedDict

import numpy as np
import torch
from fedml_core.trainer.model_trainer import ModelTrainer


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 8)
        self.norm = torch.nn.BatchNorm1d(8)
        self.last = torch.nn.Linear(8, 2)
        self.scale = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.scale * self.last(self.norm(self.first(x)))


def create_model(args):
    return Net()


class NetTrainer(ModelTrainer):
    def get_model_params(self):
        return self.model.cpu().state_dict()

    def set_model_params(self, params):
        state = self.model.state_dict()
        assert isinstance(params, OrderedDict) and list(params) == list(state), list(params)
        for name, value in params.items():
            assert type(value) is torch.Tensor and value.dtype == state[name].dtype, name
            assert value.shape == state[name].shape, name
        self.model.load_state_dict(params)

    def get_local_sample_number(self, path):
        return 10 + self.id

    def train(self, device, args, train_path):
        assert train_path == "%s/client_%d_train" % (args.data_path, self.id + 1), train_path
        assert args.client_num_in_total == 6 and args.epochs == 2, args
        self.model.to(device).train()
        optimizer = torch.optim.SGD(self.model.parameters(), lr=args.lr)
        for _ in range(args.epochs):
            x = torch.randn(16, 4) + float(np.random.rand()) + random.random()
            y = (x.sum(1) > self.id / 10).long()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(self.model(x), y).backward()
            optimizer.step()

    def test(self, device, args, test_path):
        self.model.to(device).eval()
        x = torch.ones(3, 4)
        return {"mean": "%.6f" % self.model(x).mean().item(), "tracked": [int(self.model.norm.num_batches_tracked)]}


class Spread:
    def aggregate_test_result(self, round_idx, result_dict):
        assert sorted(result_dict) == list(range(6)), result_dict
        assert set(result_dict[0]) == {"result", "sample_number"}
        return {"round": round_idx, "mean": max(one["result"]["mean"] for one in result_dict.values())}
`;
const TASK = `
import { defineTask, pythonTrainer } from 'fedloom';

export default defineTask({
  name: 'net',
  trainer: pythonTrainer({
    trainer: 'f.py:NetTrainer',
    model: 'f.py:create_model',
    resultAggregator: 'f.py:Spread',
    args: { epochs: 2, lr: 0.1, data_path: 'data' },
  }),
});
`;

/** Only what is trained travels: the statistics of batch norm stay with each client. */
const PARTIAL = NET.replace('return self.model.cpu().state_dict()', 'return dict(self.model.cpu().named_parameters())')
  .replace(/assert isinstance\(params, OrderedDict\).*/, 'assert type(params) is dict')
  .replace('self.model.load_state_dict(params)', 'self.model.load_state_dict(params, strict=False)');

/** Without PyTorch: it starts in a fraction of the time. */
const STEP = `
import os
import numpy as np

class Step:
    def __init__(self, model):
        assert model is None
        self.w = np.zeros(3)
    def get_model_params(self):
        return {"w": self.w}
    def set_model_params(self, params):
        self.w = params["w"]
    def get_local_sample_number(self, path):
        return 1
    def train(self, device, args, train_path):
        print("trains on", train_path)
        self.w += args.step
    def test(self, device, args, test_path):
        print("tests on", test_path)
        return {}
`;
const STEP_TASK = `
import { defineTask, pythonTrainer } from 'fedloom';
export default defineTask({ name: 'step', trainer: pythonTrainer({ trainer: 'f.py:Step', args: { step: 1 } }) });
`;

const ENV = { FEDLOOM_PYTHON: PYTHON };
const SIZE = '6 3 3 --seed 5 --json';

describePython('trainers in Python', () => {
  it.each([
    ['with its statistics', NET, ['--workers 1', '--workers 2', '--processes=2']],
    ['whose statistics stay with the client', PARTIAL, ['--workers 1', '--workers 2']],
  ])(
    'train the same model however they run: %s',
    async (_, code, hows) => {
      const place = await Workplace.create({ 'task.ts': TASK, 'f.py': code });
      const outcomes = await Promise.all(
        hows.map(async (how) => {
          const run = place.start(`run task.ts ${SIZE} ${how}`, ENV);
          const { modelHash, clientMetrics, losses } = await run.event('finished');
          const { code, stderr } = await run.ended;
          expect([code, losses], stderr).toMatchObject([0, { updates: 0 }]);
          return { modelHash, clientMetrics };
        }),
      );
      expect(outcomes[0]?.clientMetrics).toMatchObject({ round: 2 });
      for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
      // Each of up to nine processes loads PyTorch.
    },
    180_000,
  );

  it('need no task file on a client, where the command line says which they are', async () => {
    const place = await Workplace.create({ 'task.ts': STEP_TASK, 'f.py': STEP });
    const size = '4 2 2 --json';
    const alone = place.start(`run task.ts ${size} --set args.step=3`, ENV);
    const server = place.start(`server task.ts ${size} --listen 127.0.0.1:0`, ENV);
    const { url } = await server.event('listening');
    const own = '--trainer python:f.py:Step --set args.step=3 --train-path d/{index}/{rank} --test-path t{rank}';
    const client = place.start(`client --server ${url} --index 0-3 ${own}`, ENV);
    const { modelHash } = await server.event('finished');
    expect(modelHash).toBe((await alone.event('finished')).modelHash);
    expect((await client.ended).code).toBe(0);
    expect(client.stdout).toContain('client 2: trains on d/2/3\n');
    expect(client.stdout).toContain('client 0: tests on t1\n');
  });

  it('that hang are ended at the deadline, and other processes take their place', async () => {
    const hanging = `
        if train_path.endswith("_2_train"):
            print("hangs in", os.getpid())
            __import__("ctypes").PyDLL(None).sleep(600)`;
    const place = await Workplace.create({
      'task.ts': STEP_TASK,
      'f.py': STEP.replace('self.w += args.step', hanging),
    });
    const server = place.start('server task.ts 4 4 3 --deadline 2 --quorum 3 --listen 127.0.0.1:0 --json', ENV);
    const { url } = await server.event('listening');
    const client = place.start(`client task.ts --server ${url} --index 0-3 --workers 2`, ENV);
    await server.event('finished');
    expect((await client.ended).code).toBe(0);
    const counted = server.events.filter(({ event }) => event === 'round').map((round) => round.counted);
    // Who was silent loses the turn after it.
    expect(counted).toEqual([
      [0, 2, 3],
      [0, 2, 3],
      [0, 2, 3],
    ]);
    const pids = [...client.stdout.matchAll(/^client 1: hangs in (\d+)$/gm)].map(([, pid]) => pid);
    expect(new Set(pids).size).toBe(2);
  });

  it.each([
    ['Ctrl-C', 'SIGINT', 130],
    ['kill -9', 'SIGKILL', null],
  ] as const)('leave no process behind after %s', async (_, signal, code) => {
    const hanging = `
        import ctypes, subprocess
        child = subprocess.Popen(["sleep", "600"])
        print("pids", os.getpid(), child.pid)
        ctypes.PyDLL(None).sleep(600)`;
    const place = await Workplace.create({
      'task.ts': STEP_TASK,
      'f.py': STEP.replace('self.w += args.step', hanging),
    });
    const run = place.start('run task.ts 4 2 2 --workers 2', ENV);
    const pids = await run.until('the pids of two processes', () => {
      const told = [...run.stdout.matchAll(/: pids (\d+) (\d+)\n/g)];
      return told.length === 2 ? told.flatMap(([, ...numbers]) => numbers.map(Number)) : undefined;
    });
    run.child.kill(signal);
    expect((await run.ended).code).toBe(code);
    await expect.poll(() => pids.filter(isThere), { timeout: 5000 }).toEqual([]);
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that has ended, and whose parent has not asked for it.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
