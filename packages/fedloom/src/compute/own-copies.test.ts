import type { NamedTensors, Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { toNamedTensors } from '../task/params-like.js';
import { giveTensors, testedEvaluation } from './own-copies.js';

const tensor = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const sources = (): NamedTensors =>
  new Map([
    ['a', tensor(1, 2)],
    ['b', tensor(3)],
  ]);

describe('giveTensors', () => {
  it('gives equal numbers in arrays of their own, the same at each reading', () => {
    const from = sources();
    const { tensors } = giveTensors(from);
    const data = tensors.get('a')?.data as Float32Array;
    data[0] = 9;
    expect(tensors.get('a')?.data).toBe(data);
    expect(from.get('a')?.data[0]).toBe(1);
    expect({ ...tensors.get('b') }).toEqual(tensor(3));
    expect(structuredClone(giveTensors(from).tensors)).toEqual(from);
  });

  it('takes what was never read from the source, all else from the trainer', () => {
    const from = sources();
    const { tensors, unread } = giveTensors(from);
    (tensors.get('a')?.data as Float32Array)[1] = 7;
    for (const returned of [tensors, Object.fromEntries(tensors)]) {
      const params = toNamedTensors(unread(returned), 'The trainer');
      expect(params.get('a')?.data).toEqual(Float32Array.of(1, 7));
      expect(params.get('b')).toBe(from.get('b'));
    }
    const own = new Float32Array(1);
    expect(toNamedTensors(unread({ b: own }), 'The trainer').get('b')?.data).toBe(own);
  });

  it('lets a trainer put another array in its place', () => {
    const { tensors, unread } = giveTensors(sources());
    Object.assign(tensors.get('b') ?? {}, { data: Float32Array.of(5) });
    expect(toNamedTensors(unread(tensors), 'The trainer').get('b')?.data).toEqual(Float32Array.of(5));
  });
});

describe('testedEvaluation', () => {
  it('keeps numbers and lists as they stood', () => {
    const list = [1, 2];
    const { results } = testedEvaluation(
      { sampleCount: 3, results: { loss: 0.5, list, typed: Float32Array.of(4) } },
      'It',
    );
    list[0] = 9;
    expect(results).toEqual({ loss: 0.5, list: [1, 2], typed: [4] });
  });

  it('says of what is no test result whose it is', () => {
    expect(() => testedEvaluation(undefined, 'The trainer of client 3')).toThrow(
      /client 3 returned undefined from test/,
    );
  });
});
