/*
 * The lattice of exact sums. Level j counts in quanta of 2^(46 j - 1074): level 0 in the smallest double there is, of which
 * every double is a whole multiple; 46 bits further up each, nested. A sum at level L keeps of each term its nearest
 * multiple of quantum L (high), of what is left the nearest multiple of quantum L-1 (low) and, where that is not enough, of
 * quantum L-2 (third). See `IndexedSums`.
 */
export const LEVEL_BITS = 46;
/** Half a quantum of one level is 2^45 quanta of the level below: what a part of one term may be. */
export const PART_QUANTA = 2 ** (LEVEL_BITS - 1);

/** A term, and a value, may reach this. Far below where float64 ends, so that no sum of them leaves it. */
export const TERM_MAX = 2 ** 900;
/** The lowest level: its third part counts in quanta of level 0. */
export const LEVEL_MIN = 2;
/** The level of terms up to `TERM_MAX`. */
export const LEVEL_MAX = 42;

/** By level, up to the one above the highest, whose multiples are carries of the high part. */
const QUANTA = Float64Array.from({ length: LEVEL_MAX + 2 }, (_, level) => 2 ** (LEVEL_BITS * level - 1074));
/** Adding and subtracting one rounds to a multiple of its level's quantum, half to even: its last place is one. */
const ROUNDERS = QUANTA.map((quantum) => 1.5 * 2 ** 52 * quantum);

export function quantum(level: number): number {
  return at(QUANTA, level);
}

export function rounder(level: number): number {
  return at(ROUNDERS, level);
}

/** The lowest level from `from` that holds terms up to this magnitude: they are at most half of the next level's quantum. */
export function levelOf(term: number, from = LEVEL_MIN): number {
  let level = from;
  while (term > quantum(level + 1) / 2) level += 1;
  return level;
}

/** The multiple of `unit` from which a sum differs by -unit/2 or more and less than unit/2, where `round` is the unit's rounder. */
export function above(sum: number, unit: number, round: number): number {
  const multiple = sum + round - round;
  return sum - multiple === unit / 2 ? multiple + unit : multiple;
}

function at(table: Float64Array, level: number): number {
  const entry = table[level];
  if (entry === undefined) throw new RangeError(`no level ${level} in the lattice of sums`);
  return entry;
}
