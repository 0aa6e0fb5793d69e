import { describe, expect, it } from 'vitest';
import { RandomStream } from '../core/random.js';
import { CARRY_EVERY, carry, HIGH_QUANTUM, LOW_QUANTUM, plainSums, SUM_MAX } from './exact-sum.js';
import { scaled, shuffledIndices } from './testing/rational.js';

/** A term rounded as the sums round it: to a multiple of LOW_QUANTUM, half to even. */
function rounded(term: number): bigint {
  const [value, quantum] = [scaled(term), scaled(LOW_QUANTUM)];
  const half = quantum / 2n;
  const floor = value >= 0n ? value / quantum : -((-value + quantum - 1n) / quantum);
  const rest = value - floor * quantum;
  const up = rest > half || (rest === half && floor % 2n !== 0n);
  return (up ? floor + 1n : floor) * quantum;
}

/** Sums single terms, carrying when due, and returns the exact value of the two parts. */
function sum(terms: readonly number[]): bigint {
  const sums = plainSums(4);
  terms.forEach((term, i) => {
    sums.add(Float64Array.of(term), 0, 1);
    if ((i + 1) % CARRY_EVERY === 0) carry(sums);
  });
  return scaled(sums.high[0]!) + scaled(sums.low[0]!);
}

describe('exact sums', () => {
  it('lose nothing but what each term is rounded by, over all magnitudes', () => {
    const random = RandomStream.of(1, 'terms');
    const terms = Array.from({ length: 1000 }, () => random.normal() * 2 ** (random.integer(90) - 60));
    expect(sum(terms)).toBe(terms.reduce((total, term) => total + rounded(term), 0n));
  });

  it('hold the worst case of the low parts between two carries', () => {
    // The largest remainder that is still positive, over and over: the low part reaches 2^52 quanta.
    const terms = new Array(3 * CARRY_EVERY).fill(HIGH_QUANTUM / 2 - LOW_QUANTUM);
    expect(sum(terms)).toBe(BigInt(terms.length) * scaled(terms[0]));
    const negative = terms.map((term) => -term);
    expect(sum(negative)).toBe(-sum(terms));
  });

  it('hold sums of magnitudes up to SUM_MAX', () => {
    const large = SUM_MAX / 4;
    const terms = [large, HIGH_QUANTUM, large, LOW_QUANTUM, large, -HIGH_QUANTUM / 2, large - HIGH_QUANTUM];
    expect(sum(terms)).toBe(terms.reduce((total, term) => total + scaled(term), 0n));
  });

  it('are equal in every order', () => {
    const random = RandomStream.of(2, 'terms');
    const terms = Array.from({ length: 300 }, () => random.normal() * 2 ** (random.integer(60) - 40));
    const expected = sum(terms);
    for (let i = 0; i < 50; i++) expect(sum(shuffledIndices(300, i).map((at) => terms[at]!))).toBe(expected);
  });

  it('carrying changes no value', () => {
    const sums = plainSums(4);
    sums.add(Float64Array.of(1.0078124, -0.0078126, 3, 2 ** -50), 0, 77);
    const before = [0, 1, 2, 3].map((i) => scaled(sums.high[i]!) + scaled(sums.low[i]!));
    for (let i = 0; i < 100; i++) sums.add(Float64Array.of(0, 0, 0, 0), 0, 1);
    carry(sums);
    expect([0, 1, 2, 3].map((i) => scaled(sums.high[i]!) + scaled(sums.low[i]!))).toEqual(before);
    for (const low of sums.low) expect(Math.abs(low)).toBeLessThanOrEqual(HIGH_QUANTUM / 2);
  });
});
