/*
 * Quotients of whole numbers, rounded half to even from the exact quotient. The denominators are positive.
 */

/** Of safe integers. */
export function roundedQuotient(sum: number, denominator: number): number {
  // The remainder is exact in IEEE 754, and so is the division of what is left.
  const remainder = sum % denominator;
  const truncated = (sum - remainder) / denominator;
  const below = Math.abs(remainder);
  const above = denominator - below;
  const away = below > above || (below === above && truncated % 2 !== 0);
  return away ? truncated + Math.sign(remainder) : truncated;
}

/** Of whole numbers of any size. */
export function roundedBigQuotient(sum: bigint, denominator: bigint): bigint {
  const truncated = sum / denominator;
  const remainder = sum - truncated * denominator;
  const below = remainder < 0n ? -remainder : remainder;
  const above = denominator - below;
  const away = below > above || (below === above && truncated % 2n !== 0n);
  if (!away) return truncated;
  return remainder < 0n ? truncated - 1n : truncated + 1n;
}
