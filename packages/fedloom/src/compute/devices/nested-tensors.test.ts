import type { NamedTensors } from '@fedloom/engine';
import { expect, it } from 'vitest';
import { fromLists, toLists } from './nested-tensors.js';

const tensors: NamedTensors = new Map([
  ['a', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 0.1, -3, 4) }],
  ['count', { dtype: 'int64', shape: [], data: BigInt64Array.of(7n) }],
  ['half', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3e00) }],
  ['bytes', { dtype: 'uint8', shape: [1, 2], data: Uint8Array.of(0, 255) }],
  ['none', { dtype: 'float64', shape: [0], data: new Float64Array(0) }],
]);
const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));

it('lists of numbers, through JSON and back, are the tensors that they were, to the bit', () => {
  const lists = toLists(tensors);
  expect(lists.a).toEqual([
    [1, Math.fround(0.1)],
    [-3, 4],
  ]);
  expect([lists.count, lists.half, lists.bytes]).toEqual([7, [1.5], [[0, 255]]]);
  expect(fromLists(JSON.parse(JSON.stringify({ ...lists, more: 1 })), specs, 3)).toEqual(tensors);
});

it.each([
  ['is missing; there are: b', { b: 1 }],
  ['is missing; there are: none', null],
  ['has shape [2]; the model has [2, 2]', { a: [1, 2] }],
  ['is ragged', { a: [[1, 2], [3]] }],
  [
    'holds something else than a number at [0, 1]',
    {
      a: [
        [1, '2'],
        [3, 4],
      ],
    },
  ],
])('a device is told that a parameter %s', (why, lists) => {
  expect(() => fromLists(lists, specs.slice(0, 1), 3)).toThrow(
    expect.objectContaining({ code: 'device.params', message: expect.stringContaining(`"a" ${why}`) }),
  );
});

it('whole numbers stay whole', () => {
  expect(() => fromLists({ count: 1.5 }, specs.slice(1, 2), 3)).toThrow(/something else than whole numbers/);
});
