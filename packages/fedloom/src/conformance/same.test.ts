import type { Tensor } from '@fedloom/engine';
import { expect, test } from 'vitest';
import { checkSame } from './same.js';
import { tensorOf } from './tensor-values.js';

/** What is said of a value that is not the same; nothing of one that is. */
function said(actual: unknown, expected: unknown): string {
  try {
    checkSame(actual, expected, 'it');
    return '';
  } catch (error) {
    return (error as Error).message.replace('The contract is broken: ', '');
  }
}

const tensors = (...values: number[]) => new Map([['0.w', tensorOf('float32', [values.length], values)]]);
const nan = (bits: bigint): Tensor => {
  const data = new Float64Array(1);
  new BigUint64Array(data.buffer)[0] = bits;
  return { dtype: 'float64', shape: [], data };
};
const quiet = 0x7ff8_0000_0000_0000n;

test.each<[string, unknown, unknown, string]>([
  ['a sign of zero', tensors(1, -0), tensors(1, 0), 'it["0.w"].data[1] is -0; it must be 0.'],
  ['the first of two elements', tensors(1, 2, 4), tensors(1, 3, 5), 'it["0.w"].data[1] is 2; it must be 3.'],
  [
    'the payload of NaN',
    nan(quiet | 7n),
    nan(quiet),
    'it.data[0] is NaN (0x7ff8000000000007); it must be NaN (0x7ff8000000000000).',
  ],
  ['a missing tensor', new Map(), tensors(1), 'it lacks ["0.w"].'],
  ['a tensor too many', tensors(1), new Map(), 'it holds ["0.w"], which must not be there.'],
  ['a shape', tensors(1), tensors(1, 1), 'it["0.w"].shape[0] is 1; it must be 2.'],
  [
    'a kind of array',
    { data: new Uint8Array(2) },
    { data: new Uint16Array(1) },
    'it.data is Uint8Array of 2 bytes; it must be Uint16Array of 2 bytes.',
  ],
  ['a sign of zero among options', { f: -0 }, { f: 0 }, 'it.f is -0; it must be 0.'],
  ['a value in place of a record', 'words', { f: 0 }, 'it is "words"; it must be [object Object].'],
  ['a map in place of a record', new Map(), {}, 'it is [object Map]; it must be [object Object].'],
  ['an element of a set', new Set(['a']), new Set(['b']), 'it[0] is "a"; it must be "b".'],
  ['an option that is undefined', { f: undefined }, {}, 'it holds .f, which must not be there.'],
])('names %s', (_what, actual, expected, text) => {
  expect(said(actual, expected)).toBe(text);
});

test('says nothing of copies, views into other memory, and other orders of names', () => {
  const all = {
    tensors: tensors(1, -0, Number.NaN),
    options: { a: 1, b: 'x' },
    trained: new Set(['w']),
    none: undefined,
  };
  expect(said(structuredClone(all), all)).toBe('');
  expect(said(Float32Array.of(0, 1, 2).subarray(1), Float32Array.of(1, 2))).toBe('');
  expect(said({ b: 2, a: nan(quiet) }, { a: nan(quiet), b: 2 })).toBe('');
});
