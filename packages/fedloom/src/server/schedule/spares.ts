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
export function createSpares(order: Int32Array, isSpare: (client: number) => boolean): Spares {
  const position = new Int32Array(order.length);
  const levels: Uint32Array[] = [];
  for (let size = order.length; levels.length === 0 || size > 1; ) {
    size = Math.max(1, Math.ceil(size / 32));
    levels.push(new Uint32Array(size));
  }
  const spares: Spares = { position, levels };
  for (let at = 0; at < order.length; at++) {
    const client = order[at]!;
    position[client] = at;
    if (isSpare(client)) addSpare(spares, client);
  }
  return spares;
}

export function addSpare({ position, levels }: Spares, client: number): void {
  let at = position[client]!;
  for (const words of levels) {
    const word = at >>> 5;
    words[word] = words[word]! | (1 << (at & 31));
    at = word;
  }
}

export function removeSpare({ position, levels }: Spares, client: number): void {
  let at = position[client]!;
  for (const words of levels) {
    const word = at >>> 5;
    words[word] = words[word]! & ~(1 << (at & 31));
    if (words[word] !== 0) return;
    at = word;
  }
}

/** The first position in the set, or -1. The client there is `order[position]`. */
export function firstSpare({ levels }: Spares): number {
  let at = 0;
  for (let level = levels.length - 1; level >= 0; level--) {
    const bits = levels[level]![at]!;
    if (bits === 0) return -1;
    at = at * 32 + (31 - Math.clz32(bits & -bits));
  }
  return at;
}
