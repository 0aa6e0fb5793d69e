import { describe, expect, it } from 'vitest';
import { Dice } from '../faults/dice.js';
import { fuzz } from './loop.js';
import type { Target } from './target.js';

const SECRET = 'fuzz';

/** Reads as far as an input agrees with a word, and has a bug behind the whole of it. */
function lock() {
  const seen = new Set<number>();
  let ran = new Set<number>();
  const target: Target = {
    seeds: () => [],
    run(input) {
      let steps = 0;
      while (steps < SECRET.length && input[steps] === SECRET.charCodeAt(steps)) steps += 1;
      ran.add(steps);
      if (steps === SECRET.length) throw new Error('open');
    },
  };
  const coverage = {
    take: () => {
      const before = seen.size;
      for (const step of ran) seen.add(step);
      ran = new Set();
      return seen.size - before;
    },
    hasNew: () => {
      const isNew = [...ran].some((step) => !seen.has(step));
      ran = new Set();
      return isNew;
    },
    literals: async () => [],
  };
  return { target, coverage };
}

describe('the fuzzer', () => {
  it('goes on from what reaches new code: a bug that chance alone would need billions of inputs for', async () => {
    const { bug, reads, reaching } = await fuzz({
      ...lock(),
      dice: new Dice(1, 'lock'),
      inputs: [new Uint8Array()],
      bytesMax: 16,
      untilMs: Number.POSITIVE_INFINITY,
      onInput: () => {},
    });
    expect(new TextDecoder().decode(bug?.input.subarray(0, SECRET.length))).toBe(SECRET);
    expect(bug?.error).toMatchObject({ message: 'open' });
    expect(reads).toBeLessThan(1_000_000);
    expect(reaching.length).toBeGreaterThan(1);
  });
});
