import { allocate, type DType, type TensorData } from '@fedloom/engine';

/** Sums of weighted integers below this magnitude are exact. */
export const INTEGER_SUM_MAX = 2 ** 53;

/** Adds weight * values[i] to sums[i]. Exact while the magnitudes' sum stays below `INTEGER_SUM_MAX`. */
export function addIntegers(sums: Float64Array, values: TensorData, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += weight * Number(values[i]);
}

/** The sums divided by a whole `denominator`, rounded half to even, as an array of `dtype`. */
export function integerQuotients(sums: Float64Array, denominator: number, dtype: DType): TensorData {
  const data = allocate(dtype, sums.length);
  for (let i = 0; i < sums.length; i++) {
    const quotient = roundedQuotient(sums[i]!, denominator);
    if (data instanceof BigInt64Array) data[i] = BigInt(quotient);
    else data[i] = quotient;
  }
  return data;
}

/** sum / denominator for safe integers, rounded half to even without a rounding before. */
function roundedQuotient(sum: number, denominator: number): number {
  // The remainder is exact in IEEE 754, and so is the division of what is left.
  const remainder = sum % denominator;
  const truncated = (sum - remainder) / denominator;
  const below = Math.abs(remainder);
  const above = denominator - below;
  const away = below > above || (below === above && truncated % 2 !== 0);
  return away ? truncated + Math.sign(remainder) : truncated;
}
