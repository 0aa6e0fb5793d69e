import { readFileSync } from 'node:fs';
import type { NamedTensors } from '@fedloom/engine';
import { expect, it } from 'vitest';
import { SharedFile } from './shared-file.js';

const tensors: NamedTensors = new Map([
  ['b', { dtype: 'float64', shape: [2], data: Float64Array.of(1, -0) }],
  ['a', { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
  ['scalar', { dtype: 'int64', shape: [], data: BigInt64Array.of(-5n) }],
  ['none', { dtype: 'float32', shape: [0], data: new Float32Array() }],
]);

it('gives tensors back as they were, ascending by name, wherever they lie', () => {
  const file = new SharedFile();
  try {
    const { end } = file.write(tensors, 0);
    const { places } = file.write(tensors, end + 1);
    expect([...file.read(places)]).toEqual([...tensors].sort());
    expect(file.read([])).toEqual(new Map());
    const once = file.read(places.slice(0, 1), 'again');
    file.write(new Map([['b', { dtype: 'float64', shape: [2], data: Float64Array.of(7, 8) }]]), places[0]?.offset ?? 0);
    expect(file.read(places.slice(0, 1), 'again').get('b')?.data).toEqual(Float64Array.of(7, 8));
    expect(once.get('b')?.data).toEqual(Float64Array.of(7, 8));
    // It has no name, so that nothing is left of it.
    expect(readFileSync(`/proc/self/fd/${file.fd}`).byteLength).toBeGreaterThan(end);
  } finally {
    file.close();
  }
});
