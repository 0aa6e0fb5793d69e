import { type ClientIndex, knownClient } from '../../core/brands.js';

/** A set of positions in the preference order whose smallest is found in O(log32 n). */
export interface Spares {
  /** Where each client stands in the order. */
  readonly position: Int32Array;
  /** Bit sets, each the summary of the one before; the last has one word. */
  readonly levels: readonly Uint32Array[];
}

/**
 * The set of those clients that may replace others in a round; the next is always the one that the preference order
 * names first, also when clients come and go. A bit for each position, and above it summaries of 32 to one.
 */
export function createSpares(order: Int32Array, isSpare: (client: ClientIndex) => boolean): Spares {
  const position = new Int32Array(order.length);
  const levels: Uint32Array[] = [];
  for (let size = order.length; levels.length === 0 || size > 1; ) {
    size = Math.max(1, Math.ceil(size / 32));
    levels.push(new Uint32Array(size));
  }
  const spares: Spares = { position, levels };
  for (let at = 0; at < order.length; at++) {
    const client = knownClient(order[at]!);
    position[client] = at;
    if (isSpare(client)) addSpare(spares, client);
  }
  return spares;
}

export function addSpare({ position, levels }: Spares, client: ClientIndex): void {
  let at = position[client]!;
  for (const words of levels) {
    const word = at >>> 5;
    words[word] = words[word]! | (1 << (at & 31));
    at = word;
  }
}

export function removeSpare({ position, levels }: Spares, client: ClientIndex): void {
  let at = position[client]!;
  for (const words of levels) {
    const word = at >>> 5;
    words[word] = words[word]! & ~(1 << (at & 31));
    if (words[word] !== 0) return;
    at = word;
  }
}

/** The first position in the set, or -1. The client there is `order[position]`. */
export function firstSpare(spares: Spares): number {
  return nextSpare(spares, 0);
}

/** The first position in the set that is not below `from`, or -1. */
export function nextSpare({ levels }: Spares, from: number): number {
  // Up, until a word holds something at or after where we stand; then down again along the first bits.
  let at = from;
  for (const [level, words] of levels.entries()) {
    const bits = (words[at >>> 5] ?? 0) & (-1 << (at & 31));
    if (bits !== 0) return descend(levels, level, (at & ~31) + lowestBit(bits));
    at = (at >>> 5) + 1;
  }
  return -1;
}

/** The first position below the bit `at` of this level. */
function descend(levels: readonly Uint32Array[], level: number, at: number): number {
  let position = at;
  for (let below = level - 1; below >= 0; below--) {
    position = position * 32 + lowestBit(levels[below]?.[position] ?? 0);
  }
  return position;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
