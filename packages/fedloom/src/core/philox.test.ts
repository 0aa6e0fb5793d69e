import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox4x32 } from './philox.js';
import { plainPhilox } from './plain-philox.js';
import { wasmPhilox } from './wasm-philox.js';

// The known answers that the authors publish with their Random123 library for philox4x32 with 10 rounds.
const known = [
  {
    counter: [0, 0, 0, 0],
    key: [0, 0],
    output: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    output: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    output: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

describe('philox4x32', () => {
  it.each(known)('gives the published answer for counter $counter', ({ counter, key, output }) => {
    const words = Uint32Array.from(counter);
    philox4x32(words, key[0], key[1]);
    expect([...words]).toEqual([...output]);
  });
});

describe('the kernel', () => {
  it('gives the words of the plain loop, over several calls and carries', () => {
    const kernel = wasmPhilox();
    expect(kernel).toBeDefined();
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const low = fc.oneof(word, fc.constantFrom(0, 0xffffffff, 0xfffffffe, 0xffffefff));
    const blocks = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(4095, 4096, 4097, 8193));
    fc.assert(
      fc.property(low, word, word, word, word, word, blocks, (c0, c1, c2, c3, k0, k1, count) => {
        const [one, other] = [new Uint32Array(4 * count + 5).fill(7), new Uint32Array(4 * count + 5).fill(7)];
        kernel?.(one, 3, count, [c0, c1, c2, c3], [k0, k1]);
        plainPhilox(other, 3, count, [c0, c1, c2, c3], [k0, k1]);
        expect(one).toEqual(other);
      }),
    );
  });
});
