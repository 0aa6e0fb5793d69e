import { allocate, type DType, type TensorData } from '@fedloom/engine';

/** The relative error of a quotient of two sums as doubles, with a good margin. */
const QUOTIENT_ERROR = 2 ** -48;

/** Sums of integers and the number that all of them are divided by. */
export interface IntegerSums {
  /** Within 2^-50 of the exact ones, relative to them; exact for whole numbers up to 2^53. */
  readonly sums: Float64Array;
  readonly total: number;
  /** Numerator and denominator of one quotient. */
  exact(index: number): readonly [bigint, bigint];
}

/** The exact quotients rounded half to even, as an array of `dtype`. */
export function roundedIntegers(integers: IntegerSums, dtype: DType): TensorData {
  const { sums, total } = integers;
  const data = allocate(dtype, sums.length);
  for (const [i, sum] of sums.entries()) {
    const quotient = quotientOf(sum, total) ?? exactQuotient(...integers.exact(i));
    if (data instanceof BigInt64Array) data[i] = BigInt(quotient);
    else data[i] = Number(quotient);
  }
  return data;
}

/** Undefined where doubles cannot tell to which side it rounds. */
function quotientOf(sum: number, total: number): number | undefined {
  if (Number.isSafeInteger(sum) && Number.isSafeInteger(total)) return safeQuotient(sum, total);
  const quotient = sum / total;
  const error = Math.abs(quotient) * QUOTIENT_ERROR;
  const rounded = Math.round(quotient - error);
  return rounded === Math.round(quotient + error) ? rounded : undefined;
}

/** Of safe integers. */
function safeQuotient(sum: number, denominator: number): number {
  // The remainder is exact in IEEE 754, and so is the division of what is left.
  const remainder = sum % denominator;
  const truncated = (sum - remainder) / denominator;
  const below = Math.abs(remainder);
  const above = denominator - below;
  const away = below > above || (below === above && truncated % 2 !== 0);
  return away ? truncated + Math.sign(remainder) : truncated;
}

function exactQuotient(sum: bigint, denominator: bigint): bigint {
  const truncated = sum / denominator;
  const remainder = sum - truncated * denominator;
  const below = remainder < 0n ? -remainder : remainder;
  const above = denominator - below;
  const away = below > above || (below === above && truncated % 2n !== 0n);
  if (!away) return truncated;
  return remainder < 0n ? truncated - 1n : truncated + 1n;
}
