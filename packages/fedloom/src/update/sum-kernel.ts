import { plainScan } from './magnitude.js';
import { above, quantum, rounder } from './quanta.js';

/** Where the sums of one tensor lie in the arrays of all, and at which level they are. */
export interface SumSlot {
  /** A multiple of 4; the elements from the last one to the next multiple of 4 are spare. */
  readonly at: number;
  readonly length: number;
  /** Each term is kept in so many parts. */
  readonly parts: 2 | 3;
  level: number;
}

/** The inner loop of exact sums, and their memory. */
export interface SumKernel {
  /**
   * The high, low and third parts of all elements, once settled. The third ends where the slots with two parts begin:
   * they come after those with three.
   */
  readonly parts: readonly [high: Float64Array, low: Float64Array, third: Float64Array];
  /**
   * Adds weight * values[i] to all elements of the slot, now or, at the level that the slot has then, until `settle`. The
   * caller sees to it that the level holds the terms and the parts the sums.
   */
  add(values: Float32Array | Float64Array, slot: SumSlot, weight: number): void;
  /** Adds what waits. */
  settle(): void;
  /** The largest magnitude among the slot's sums of a part (0 high, 1 low, 2 third), of what is settled. */
  largest(slot: SumSlot, part: number): number;
  /**
   * Writes the sums of a slot with two parts, without carries, each divided by `denominator`: see `writeQuotients`. The quotients
   * may lie in place of the slot's high parts.
   */
  divide(slot: SumSlot, denominator: number, quotients: Float64Array): void;
  /** Forgets all terms. */
  clear(): void;
}

/** Elements of the slots with three parts, and of those with two. */
export interface SumLengths {
  readonly three: number;
  readonly two: number;
}

/** The readable reference: plain TypeScript. `wasmKernel` does the same operations on two elements at once. */
export function plainKernel({ three, two }: SumLengths): SumKernel {
  const [high, low, third] = [new Float64Array(three + two), new Float64Array(three + two), new Float64Array(three)];
  const kernelParts = [high, low, third] as const;
  return {
    parts: kernelParts,
    add(values, { at, parts, level }, weight) {
      const [highRounder, lowRounder, thirdRounder] = [rounder(level), rounder(level - 1), rounder(level - 2)];
      for (let i = 0; i < values.length; i++) {
        const x = weight * values[i]!;
        const h = x + highRounder - highRounder;
        const rest = x - h;
        const l = rest + lowRounder - lowRounder;
        high[at + i]! += h;
        low[at + i]! += l;
        if (parts === 3) third[at + i]! += rest - l + thirdRounder - thirdRounder;
      }
    },
    settle() {},
    largest({ at, length }, part) {
      return plainScan(kernelParts[part]?.subarray(at, at + length) ?? []);
    },
    divide({ at, level }, denominator, quotients) {
      const [unit, round] = [quantum(level), rounder(level)];
      const [unitAbove, roundAbove] = [quantum(level + 1), rounder(level + 1)];
      for (let i = 0; i < quotients.length; i++) {
        const carry = above(low[at + i]!, unit, round);
        const highPart = high[at + i]! + carry;
        const rest = above(highPart, unitAbove, roundAbove);
        quotients[i] = (low[at + i]! - carry + (highPart - rest) + rest) / denominator;
      }
    },
    clear() {
      for (const part of kernelParts) part.fill(0);
    },
  };
}
