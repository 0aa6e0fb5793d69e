import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.js';
import { embedding } from '../layers/embedding.js';
import { toOnnx } from '../onnx/serialize.js';
import type { Tensor } from '../tensor.js';
import { applied, testContext } from '../testing/layer-context.js';
import { onnxRuntimeNode } from './onnx-runtime-node.js';

const backend = onnxRuntimeNode();

function doubling(dtype: Tensor['dtype']): Uint8Array {
  const g = new Graph();
  const x = g.input('x', dtype, ['n']);
  g.output('y', g.add(x, x));
  return toOnnx(g);
}

test.each<Tensor>([
  { dtype: 'float32', shape: [3], data: Float32Array.of(1, -2, 0.5) },
  { dtype: 'float64', shape: [2], data: Float64Array.of(1e300, 3) },
  { dtype: 'int32', shape: [2], data: Int32Array.of(1, -2) },
  { dtype: 'int64', shape: [2], data: BigInt64Array.of(2n ** 40n, -1n) },
])('$dtype goes in and comes out', async (x) => {
  const session = await backend.load(doubling(x.dtype));
  const y = (await session.run(new Map([['x', x]]))).get('y')!;
  await session.release();
  const twice = Array.from(x.data as ArrayLike<number | bigint>, (value) =>
    typeof value === 'bigint' ? 2n * value : 2 * value,
  );
  expect({ ...y, data: Array.from(y.data as ArrayLike<number | bigint>) }).toEqual({
    dtype: x.dtype,
    shape: x.shape,
    data: twice,
  });
  expect(y.data.constructor).toBe(x.data.constructor);
});

test('takes tensors over memory that threads share', async () => {
  const session = await backend.load(doubling('float32'));
  const data = new Float32Array(new SharedArrayBuffer(8));
  data.set([1, 2]);
  const results = await session.run(new Map([['x', { dtype: 'float32', shape: [2], data }]]));
  await session.release();
  expect(results.get('y')!.data).toEqual(Float32Array.of(2, 4));
});

test('takes views that do not start at their buffer’s beginning', async () => {
  const session = await backend.load(doubling('float32'));
  const data = Float32Array.of(9, 1, 2).subarray(1);
  const results = await session.run(new Map([['x', { dtype: 'float32', shape: [2], data }]]));
  await session.release();
  expect(results.get('y')!.data).toEqual(Float32Array.of(2, 4));
});

test('a GPU that cannot be used is told as such, and is not the processor in silence', async () => {
  const load = onnxRuntimeNode({ device: 'cuda' }).load(doubling('float32'));
  const error = await load.then(
    (session) => session.release(),
    (reason: unknown) => reason,
  );
  // Where there is a GPU, its libraries may be there or not.
  if (error === undefined && existsSync('/dev/nvidiactl')) return;
  expect(error).toMatchObject({ code: 'backend.device', fields: { device: 'cuda:0' } });
});

test.each(['gpu', 'cuda:', 'cuda:x', 'CUDA'])('%s is no device', (device) => {
  expect(() => onnxRuntimeNode({ device: device as 'cuda' })).toThrow(
    expect.objectContaining({ code: 'backend.device', fields: { device } }),
  );
});

test('what is no graph is refused with the runtime’s reason', async () => {
  await expect(backend.load(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({
    code: 'backend.load',
    fields: { bytes: 3 },
    cause: expect.any(Error),
  });
});

test('a run that fails says why', async () => {
  const session = await backend.load(doubling('float32'));
  await expect(session.run(new Map())).rejects.toMatchObject({ code: 'backend.run' });
  await session.release();
});

test.each([
  [9, /x holds the token 9 or a number below 0, but the embedding has rows 0 to 8/],
  [-2, /x holds the token 9 or a number below 0, but the embedding has rows 0 to 8/],
  [70, /x holds the token 70, but the embedding has rows 0 to 8.*vocabularySize/],
])('the token %d, for which an embedding has no row, is named', async (token, message) => {
  const g = new Graph();
  const layer = embedding(9, 2).build([1]);
  const weight = g.input('weight', 'float32', [9, 2]);
  const x = g.input('x', 'int32', ['batch', 1]);
  const { output } = applied(layer, g, x, new Map([['weight', weight]]), testContext(g, 2, { training: false }));
  g.output('y', output);
  const session = await backend.load(toOnnx(g));
  const run = session.run(
    new Map<string, Tensor>([
      ['x', { dtype: 'int32', shape: [2, 1], data: Int32Array.of(1, token) }],
      ['weight', { dtype: 'float32', shape: [9, 2], data: new Float32Array(18) }],
    ]),
  );
  await expect(run).rejects.toMatchObject({ code: 'backend.run', message: expect.stringMatching(message) });
  await session.release();
});
