import { rounder } from './quanta.js';

/** Where the sums of one tensor lie in the arrays of all, and at which level they are. */
export interface SumSlot {
  /** A multiple of 4; the elements from the last one to the next multiple of 4 are spare. */
  readonly at: number;
  readonly length: number;
  /** 2: of float32 values, added as they are. 3: of float64 values, which need the third part. */
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
  return {
    parts: [high, low, third],
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
    clear() {
      for (const part of [high, low, third]) part.fill(0);
    },
  };
}
