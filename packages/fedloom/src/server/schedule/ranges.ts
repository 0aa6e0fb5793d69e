import type { ClientIndex } from '../../core/brands.js';
import { rangesFromIndices } from '../../core/index-ranges.js';
import type { IndexRange } from '../../protocol/messages.js';

/** Adds an index to ranges that end before it. Indices must come in ascending order. */
export function appendIndex(ranges: IndexRange[], index: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.from + last.count === index) {
    ranges[ranges.length - 1] = { from: last.from, count: last.count + 1 };
  } else {
    ranges.push({ from: index, count: 1 });
  }
}

/**
 * Splits what a peer named into the clients that exist (ascending, each once, however the ranges overlap: so the work
 * they cause is bounded by the federation's size) and the ranges that lie outside of the federation, wholly or in part.
 */
export function splitRanges(
  ranges: readonly IndexRange[],
  clients: number,
): { readonly inside: readonly IndexRange[]; readonly outside: readonly IndexRange[] } {
  const valid: IndexRange[] = [];
  const outside: IndexRange[] = [];
  for (const range of ranges) {
    const { from, count } = range;
    const lies = Number.isSafeInteger(from) && Number.isSafeInteger(count) && from >= 0 && count >= 1;
    if (lies && from + count <= clients) valid.push({ from, count });
    else outside.push(range);
  }
  valid.sort((a, b) => a.from - b.from);
  const inside: IndexRange[] = [];
  let end = 0;
  for (const { from, count } of valid) {
    const start = Math.max(from, end);
    if (from + count <= start) continue;
    inside.push({ from: start, count: from + count - start });
    end = from + count;
  }
  return { inside, outside };
}

/** Ranges for people: `3, 8, 10-19 and 1200 more`. */
export function describeRanges(ranges: readonly IndexRange[], rangesMax = 10): string {
  const shown = ranges
    .slice(0, rangesMax)
    .map(({ from, count }) => (count === 1 ? `${from}` : `${from}-${from + count - 1}`))
    .join(', ');
  const rest = ranges.slice(rangesMax).reduce((sum, { count }) => sum + count, 0);
  return rest === 0 ? shown : `${shown} and ${rest} more`;
}

/** `client 3` or `clients 3, 8, 10-19`. The clients may come in any order. */
export function describeClients(clients: readonly ClientIndex[]): string {
  return `${clients.length === 1 ? 'client' : 'clients'} ${describeRanges(rangesFromIndices(clients))}`;
}

/** What lies in both. Either's ranges are ascending and apart. */
export function commonRanges(one: readonly IndexRange[], other: readonly IndexRange[]): IndexRange[] {
  const common: IndexRange[] = [];
  let [i, j] = [0, 0];
  for (let [a, b] = [one[0], other[0]]; a !== undefined && b !== undefined; a = one[i], b = other[j]) {
    const from = Math.max(a.from, b.from);
    const [endOfA, endOfB] = [a.from + a.count, b.from + b.count];
    const count = Math.min(endOfA, endOfB) - from;
    if (count > 0) common.push({ from, count });
    if (endOfA <= endOfB) i += 1;
    if (endOfB <= endOfA) j += 1;
  }
  return common;
}

/** Ranges without these clients. Both are ascending. */
export function withoutClients(ranges: readonly IndexRange[], clients: readonly ClientIndex[]): readonly IndexRange[] {
  if (clients.length === 0) return ranges;
  const rest: IndexRange[] = [];
  let next = 0;
  for (const { from, count } of ranges) {
    let start = from;
    for (; (clients[next] ?? from + count) < from + count; next += 1) {
      const client = clients[next] ?? from;
      if (client < from) continue;
      if (client > start) rest.push({ from: start, count: client - start });
      start = client + 1;
    }
    if (start < from + count) rest.push({ from: start, count: from + count - start });
  }
  return rest;
}
