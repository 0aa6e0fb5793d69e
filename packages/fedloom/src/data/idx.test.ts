import { FedloomError } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { parseIdx } from './idx.js';

function idx(shape: readonly number[], elements: readonly number[], type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + elements.length);
  bytes.set([0, 0, type, shape.length]);
  shape.forEach((extent, axis) => {
    new DataView(bytes.buffer).setUint32(4 + 4 * axis, extent);
  });
  bytes.set(elements, 4 + 4 * shape.length);
  return bytes;
}

describe('parseIdx', () => {
  it('reads big-endian dimensions and the elements', () => {
    const tensor = parseIdx(idx([2, 3], [1, 2, 3, 4, 5, 6]), 'images');
    expect(tensor).toEqual({ dtype: 'uint8', shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    expect(parseIdx(idx([258], new Array(258).fill(7)), 'labels').shape).toEqual([258]);
  });

  it('reads bytes that begin within a buffer', () => {
    const shifted = new Uint8Array([9, 9, 9, ...idx([2], [4, 5])]).subarray(3);
    expect([...parseIdx(shifted, 'labels').data]).toEqual([4, 5]);
  });

  it.each<[string, RegExp, Uint8Array]>([
    ['nothing', /it has only 0 bytes/, new Uint8Array()],
    ['a zipped file', /does not begin with two zero bytes/, Uint8Array.of(0x1f, 0x8b, 8, 0, 0)],
    ['floats', /its elements have type 13/, idx([1], [0, 0, 0, 0], 13)],
    ['no dimensions', /it claims 0 dimensions/, idx([], [])],
    ['too many dimensions', /it claims 5 dimensions/, idx([1, 1, 1, 1, 1], [0])],
    ['a header cut off', /it claims 3 dimensions/, Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1)],
    ['elements cut off', /\[2, 3\] needs 18 bytes, it has 17/, idx([2, 3], [1, 2, 3, 4, 5])],
    ['bytes behind', /\[1\] needs 9 bytes, it has 10/, idx([1], [1, 2])],
    ['a huge claim', /too large/, idx([0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [])],
  ])('refuses %s, naming the file', (_what, message, bytes) => {
    const parse = () => parseIdx(bytes, '/data/images');
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^\/data\/images is not an IDX file/);
    expect(parse).toThrow(FedloomError);
  });
});
