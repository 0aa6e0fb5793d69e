import type { Floats } from './float-tensors.js';

/**
 * The l2 norm of the values of several arrays as one vector, in float64: within 2^-51 of the exact one as a part of it, since
 * the sum of squares is compensated (Kahan 1965; Neumaier 1974). NaN or infinity where a value is, or where the squares are
 * beyond float64 (from 2^512 on); squares below its smallest numbers count as zero.
 */
export function l2Norm(arrays: readonly Floats[]): number {
  let sum = 0;
  let lost = 0;
  for (const values of arrays) [sum, lost] = addSquares(values, sum, lost);
  // The sum of an overflow is infinite, what was lost then NaN.
  return Math.sqrt(Number.isFinite(sum) ? sum + lost : sum);
}

function addSquares(values: Floats, start: number, lostBefore: number): [number, number] {
  let sum = start;
  let lost = lostBefore;
  for (let i = 0; i < values.length; i++) {
    const square = values[i]! * values[i]!;
    const next = sum + square;
    // Of two terms the smaller one's last bits are lost; both are at least 0.
    lost += sum >= square ? sum - next + square : square - next + sum;
    sum = next;
  }
  return [sum, lost];
}

/** The bits of the lower word of a float64 that a float32 has room for. */
const FLOAT32_BITS = 0xe0000000;
const SMALLEST_NORMAL = 2 ** -126;
const CHUNK = 2048;

/** Multiplies by `factor` in float64 and rounds toward zero to float32, so that no rounding adds to a norm. */
export function scaleFloats(values: Float32Array, factor: number): Float32Array<ArrayBuffer> {
  const scaled = new Float32Array(values.length);
  const products = new Float64Array(Math.min(CHUNK, values.length));
  const words = new Uint32Array(products.buffer);
  for (let from = 0; from < values.length; from += CHUNK) {
    const part = values.subarray(from, from + CHUNK);
    multiply(part, factor, products);
    // To clear the bits that do not fit is to round toward zero: without a branch that takes any way by chance.
    for (let i = 0; i < words.length; i += 2) words[i]! &= FLOAT32_BITS;
    for (let i = 0; i < part.length; i++) scaled[from + i] = truncatedIfTiny(products[i]!);
  }
  return scaled;
}

function multiply(values: Float32Array, factor: number, products: Float64Array): void {
  for (let i = 0; i < values.length; i++) products[i] = values[i]! * factor;
}

/** Below the normal numbers of float32, its grid is 2^-149 wide. */
function truncatedIfTiny(value: number): number {
  return Math.abs(value) < SMALLEST_NORMAL ? Math.trunc(value * 2 ** 149) * 2 ** -149 : value;
}

/** The readable reference of `scaleFloats`. */
export function plainScaleFloats(values: Float32Array, factor: number): Float32Array {
  const scaled = values.map((value) => value * factor);
  const bits = new Int32Array(scaled.buffer);
  for (const [i, value] of values.entries()) {
    // The bits of a magnitude less one are the next smaller magnitude, whatever the sign.
    if (Math.abs(scaled[i]!) > Math.abs(value * factor)) bits[i]!--;
  }
  return scaled;
}
