import { FedloomError, type NamedTensors, type Tensor, zeros } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { checkUpdate, type FoldSpec } from './check-update.js';

const expected: FoldSpec[] = [
  { name: 'bias', shape: [3], dtype: 'float32', fold: 'mean' },
  { name: 'frozen', shape: [1], dtype: 'float32', fold: 'keep' },
  { name: 'seen', shape: [], dtype: 'int64', fold: 'mean' },
  { name: 'top', shape: [1], dtype: 'float64', fold: 'max' },
];
const float32 = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const update = (changes: Record<string, Tensor | undefined> = {}): NamedTensors => {
  const tensors = new Map<string, Tensor>([
    ['bias', float32(1, 2, 3)],
    ['frozen', float32(0)],
    ['seen', zeros('int64', [])],
    ['top', zeros('float64', [1])],
  ]);
  for (const [name, tensor] of Object.entries(changes)) {
    if (tensor === undefined) tensors.delete(name);
    else tensors.set(name, tensor);
  }
  return tensors;
};

function errorOf(tensors: NamedTensors, sampleCount: number, sampleCountMax?: number): FedloomError {
  try {
    const limits = sampleCountMax === undefined ? [] : [{ sampleCountMax }];
    checkUpdate(tensors, sampleCount, expected, 'client 7', ...limits);
  } catch (error) {
    if (error instanceof FedloomError) return error;
    throw error;
  }
  throw new Error('the update passed');
}

describe('checkUpdate', () => {
  it('passes a sound update, and NaN in what the server keeps anyway', () => {
    expect(() => checkUpdate(update(), 600, expected, 'client 7')).not.toThrow();
    expect(() => checkUpdate(update({ frozen: float32(Number.NaN) }), 1, expected, 'client 7')).not.toThrow();
  });

  it.each<[string, RegExp, NamedTensors]>([
    ['update.names', /lacks tensor "bias"/, update({ bias: undefined })],
    ['update.names', /holds a tensor "extra"/, update({ extra: float32(1) })],
    ['update.shape', /shape \[2\] in tensor "bias" where \[3\]/, update({ bias: float32(1, 2) })],
    ['update.shape', /shape \[1\] in tensor "bias"/, update({ bias: float32(1) })],
    ['update.dtype', /float64 in tensor "bias" where float32/, update({ bias: zeros('float64', [3]) })],
    ['update.not-finite', /NaN or infinity in tensor "bias"/, update({ bias: float32(1, Number.NaN, 2) })],
    ['update.not-finite', /tensor "bias"/, update({ bias: float32(1, 2, Number.NEGATIVE_INFINITY) })],
    [
      'update.not-finite',
      /tensor "top"/,
      update({ top: { dtype: 'float64', shape: [1], data: Float64Array.of(Number.NaN) } }),
    ],
    [
      'update.too-large',
      /magnitude 1\.2676506002282294e\+30 in tensor "bias"/,
      update({ bias: float32(0, 0, -(2 ** 100)) }),
    ],
    [
      'update.too-large',
      /tensor "seen"/,
      update({ seen: { dtype: 'int64', shape: [], data: BigInt64Array.of(-(2n ** 60n)) } }),
    ],
  ])('refuses with %s (%s), naming the client', (code, message, tensors) => {
    const error = errorOf(tensors, 600);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('client 7');
    expect(error.fields.who).toBe('client 7');
  });

  it.each([0, -5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e12])('refuses the sample count %d', (sampleCount) => {
    const error = errorOf(update(), sampleCount);
    expect(error.code).toBe('update.sample-count');
    expect(error.message).toContain(`${sampleCount}`);
  });

  it('takes the limit on sample counts that it is given', () => {
    expect(errorOf(update(), 101, 100).code).toBe('update.sample-count');
  });

  it('bounds a value together with its weight', () => {
    const large = update({ bias: float32(2 ** 26, 0, 0) });
    expect(() => checkUpdate(large, 2 ** 10, expected, 'client 7')).not.toThrow();
    expect(errorOf(large, 2 ** 10 + 1).code).toBe('update.too-large');
  });
});
