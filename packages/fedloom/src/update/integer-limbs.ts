import type { Tensor } from '@fedloom/engine';

/** Whole numbers as int64 tensors travel so: more limbs than weights and values in their bounds can fill are refused. */
export const LIMBS_MAX = 12;
const LIMB_BITS = 64n;

/** Whole numbers in two's complement, as int64 [limbs, numbers], the lowest 64 bits of all first. */
export function limbsOf(numbers: readonly bigint[]): Tensor {
  const limbs = numbers.reduce((most, number) => Math.max(most, limbCount(number)), 1);
  const data = new BigInt64Array(limbs * numbers.length);
  for (const [i, number] of numbers.entries()) {
    // What is written is taken modulo 2^64.
    for (let limb = 0; limb < limbs; limb++) data[limb * numbers.length + i] = number >> (LIMB_BITS * BigInt(limb));
  }
  return { dtype: 'int64', shape: [limbs, numbers.length], data };
}

/** The numbers of such a tensor. */
export function fromLimbs({ shape: [limbs = 0, count = 0], data }: Tensor): bigint[] {
  const values = data as BigInt64Array;
  return Array.from({ length: count }, (_, i) => {
    let number = values[(limbs - 1) * count + i] ?? 0n;
    for (let limb = limbs - 2; limb >= 0; limb--) {
      number = (number << LIMB_BITS) | BigInt.asUintN(64, values[limb * count + i] ?? 0n);
    }
    return number;
  });
}

function limbCount(number: bigint): number {
  let limbs = 1;
  while (BigInt.asIntN(64 * limbs, number) !== number) limbs += 1;
  return limbs;
}
