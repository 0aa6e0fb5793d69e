/** Models that came from PyTorch as ONNX files, trained, and taken back: as ONNX, in a program's predictions, and in PyTorch by their names. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { loadModel } from 'fedloom';
import { expect, it } from 'vitest';
import { Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { describePython, PYTHON } from './python.js';

const goldens = join(root, 'tools/goldens');

const task = (file: string, shape: readonly number[]) => `
import { arrays, defineTask, onnxModel, sgd, softmaxCrossEntropy } from 'fedloom';
const shape = ${JSON.stringify(shape)};
const size = shape.reduce((product, extent) => product * extent, 1);
const values = (count) => Array.from({ length: count * size }, (_, i) => shape.length > 1 ? Math.sin(i * i) : 1 + (i * i) % 6);
const samples = (count) => ({
  x: { shape: [count, ...shape], data: shape.length > 1 ? Float32Array.from(values(count)) : Int32Array.from(values(count)) },
  y: Array.from({ length: count }, (_, i) => i % 3),
});
export default defineTask({
  name: 'returned',
  data: arrays({ train: samples(40), test: samples(6), classes: 3 }),
  model: onnxModel(${JSON.stringify(join(goldens, 'data/onnx-architectures', file))}),
  loss: softmaxCrossEntropy(),
  metrics: [],
  training: { localEpochs: 1, batchSize: 8, optimizer: sgd({ learningRate: 0.05 }) },
});
`;

/** Reads what was exported, and says what PyTorch and ONNX Runtime make of the same samples. */
const READ = `
import json, sys, numpy, onnxruntime, torch
from safetensors.numpy import load_file as numbers
from safetensors.torch import load_file
from architectures import MODELS
model = MODELS[sys.argv[1]]().eval()
model.load_state_dict(load_file("model.safetensors"), strict=True)
x = numbers("parts/client-0/train.safetensors")["x"][:5]
with torch.no_grad():
    found = model(torch.from_numpy(x))
exported = onnxruntime.InferenceSession("model.onnx").run(["prediction"], {"x": x})[0]
print(json.dumps({"x": x.tolist(), "torch": found.tolist(), "onnx": exported.tolist()}))
`;

describePython('a model of PyTorch', () => {
  it.each([
    ['efficientnet', [2, 8, 8]],
    ['packed-lstm', [6]],
  ] as const)(
    '%s goes back to it, trained',
    async (name, shape) => {
      const place = await Workplace.create({ 'task.ts': task(`${name}-legacy.onnx`, shape), 'read.py': READ });
      for (const command of [
        'run task.ts 2 2 2 --workers 1 --out runs',
        'partition task.ts --clients 2 --out parts',
        'export latest --onnx model.onnx --safetensors model.safetensors',
      ]) {
        const { code, stderr } = await place.run(command);
        expect(code, stderr).toBe(0);
      }
      const env = { ...process.env, PYTHONPATH: goldens };
      const read = spawnSync(PYTHON, ['read.py', name], { cwd: place.path, env, encoding: 'utf8' });
      expect(read.status, read.stderr).toBe(0);
      const { x, torch, onnx } = JSON.parse(read.stdout);
      const model = await loadModel(join(place.path, 'model.onnx'));
      const { prediction } = await model.predict(x);
      await model.close();
      const numbers = Array.from(prediction?.data ?? [], Number);
      expect(numbers).toHaveLength(15);
      for (const others of [torch, onnx]) {
        for (const [at, value] of others.flat().entries()) expect(numbers[at]).toBeCloseTo(value, 5);
      }
    },
    60_000,
  );
});
