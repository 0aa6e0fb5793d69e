import { allocate, type DType, type TensorData } from '@fedloom/engine';
import { roundedBigQuotient, roundedQuotient } from './integer-quotient.js';
import { unitOf, WEIGHT_MAX } from './weight.js';

/** Multiples of a power of two below this many are exact in float64, and so are their sums that stay below. */
const MULTIPLES_MAX = 2 ** 53;

export type IntegerData = Exclude<TensorData, Float32Array | Float64Array>;

/** The value whose weighted sum is the sum of the weights. */
export const ONE: IntegerData = Uint8Array.of(1);

/** All that integer sums hold: `sums[i]` times `unit`, a power of two. */
export interface IntegersImage {
  readonly unit: number;
  readonly sums: readonly bigint[];
}

/**
 * Weighted sums of the elements of an integer tensor, exact whatever their size and their weights, so that neither order nor
 * grouping matters: in float64 while every sum is exact there, as bigints from then on. Most tensors never need those.
 */
export class IntegerSums {
  /** All sums until there are `#wide` ones. */
  readonly #numbers: Float64Array;
  /** Multiples of `#unit`. */
  #wide: bigint[] | undefined;
  /** A power of two of which all weights so far are whole multiples. */
  #unit = WEIGHT_MAX;
  /** No sum so far was larger in magnitude, if this is below `MULTIPLES_MAX` units. */
  #reach = 0;

  constructor(length: number) {
    this.#numbers = new Float64Array(length);
  }

  /** Adds weight * values[i] to each sum, where no value is larger than `magnitude`. A weight is 0 or a `roundedWeight`. */
  add(values: IntegerData, weight: number, magnitude: number): void {
    if (weight === 0 || magnitude === 0) return;
    this.#extend(unitOf(weight), weight * magnitude);
    if (this.#wide !== undefined) addWide(this.#wide, values, BigInt(weight / this.#unit));
    else if (values instanceof BigInt64Array) addBigints(this.#numbers, values, weight);
    else addNumbers(this.#numbers, values, weight);
  }

  /** In memory of its own. */
  image(): IntegersImage {
    return { unit: this.#unit, sums: this.#multiplesOf(this.#unit) };
  }

  /** Adds the sums of as many elements. */
  merge({ unit, sums }: IntegersImage): void {
    const largest = sums.reduce((largest, sum) => Math.max(largest, Math.abs(Number(sum))), 0);
    if (largest === 0) return;
    this.#extend(unit, largest * unit);
    if (this.#wide === undefined) {
      for (const [i, sum] of sums.entries()) this.#numbers[i]! += Number(sum) * unit;
    } else {
      const factor = BigInt(unit / this.#unit);
      for (const [i, sum] of sums.entries()) this.#wide[i]! += sum * factor;
    }
  }

  /** The only sum there is, rounded to a double. */
  get first(): number {
    return this.#wide === undefined ? (this.#numbers[0] ?? 0) : Number(this.#wide[0] ?? 0n) * this.#unit;
  }

  /** Each sum divided by the first one of `total`, which is above 0, rounded half to even from the exact quotient. */
  quotients(total: IntegerSums, dtype: DType): TensorData {
    const data = allocate(dtype, this.#numbers.length);
    const unit = Math.min(this.#unit, total.#unit);
    const whole = total.#wide === undefined ? (total.#numbers[0] ?? 0) / unit : Number.POSITIVE_INFINITY;
    if (this.#wide === undefined && Number.isSafeInteger(whole) && this.#reach < MULTIPLES_MAX * unit) {
      for (const [i, sum] of this.#numbers.entries()) setInteger(data, i, roundedQuotient(sum / unit, whole));
    } else {
      const [denominator] = total.#multiplesOf(unit);
      const sums = this.#multiplesOf(unit);
      for (const [i, sum] of sums.entries()) setInteger(data, i, roundedBigQuotient(sum, denominator ?? 0n));
    }
    return data;
  }

  /** Forgets all terms; memory is kept. */
  clear(): void {
    this.#numbers.fill(0);
    this.#wide = undefined;
    this.#unit = WEIGHT_MAX;
    this.#reach = 0;
  }

  /** Prepares for terms that are multiples of `unit` and not larger than `term`. */
  #extend(unit: number, term: number): void {
    const least = Math.min(this.#unit, unit);
    // Exact below the limit, since both are multiples of `least`; what is beyond is not rounded to below.
    const reach = this.#reach + term;
    const isWide = this.#wide !== undefined || !(reach < MULTIPLES_MAX * least);
    if (isWide && (this.#wide === undefined || least < this.#unit)) this.#wide = this.#multiplesOf(least);
    this.#unit = least;
    this.#reach = reach;
  }

  /** All sums in multiples of a unit that is not larger than their own. */
  #multiplesOf(unit: number): bigint[] {
    if (this.#wide === undefined) return Array.from(this.#numbers, (sum) => BigInt(sum / unit));
    const factor = BigInt(this.#unit / unit);
    return this.#wide.map((sum) => sum * factor);
  }
}

// Each for one kind of array, so that it is compiled well.

function addNumbers(sums: Float64Array, values: ArrayLike<number>, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += weight * values[i]!;
}

function addBigints(sums: Float64Array, values: BigInt64Array, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += weight * Number(values[i]);
}

function addWide(sums: bigint[], values: ArrayLike<number | bigint>, factor: bigint): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += factor * BigInt(values[i]!);
}

function setInteger(data: TensorData, index: number, value: number | bigint): void {
  if (data instanceof BigInt64Array) data[index] = BigInt(value);
  else data[index] = Number(value);
}
