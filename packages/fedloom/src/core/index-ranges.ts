import { FedloomError } from '@fedloom/engine/base';
import { type ClientIndex, knownClient } from './brands.js';

/** The client indices from `from` to `from + count - 1`. */
export interface IndexRange {
  readonly from: number;
  readonly count: number;
}

/** The ranges that hold exactly these indices: ascending, as few as can be. The indices may come in any order. */
export function rangesFromIndices(indices: Iterable<number>): IndexRange[] {
  return mergeRanges(Array.from(indices, (from) => ({ from, count: 1 })));
}

/** The indices of the ranges, in their order. Only for ranges whose counts are trusted: it takes memory for each index. */
export function expandRanges(ranges: readonly IndexRange[]): ClientIndex[] {
  return ranges.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => knownClient(from + i)));
}

/**
 * Ranges from text such as `0-49,60`: ends are included; the result is ascending and merged.
 * @throws FedloomError `ranges.syntax`, quoting the part that does not parse.
 */
export function parseRanges(text: string): IndexRange[] {
  return mergeRanges(
    text.split(',').map((part) => {
      const match = /^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/.exec(part);
      const from = Number(match?.[1]);
      const last = Number(match?.[2] ?? match?.[1]);
      if (match !== null && Number.isSafeInteger(last) && from <= last) return { from, count: last - from + 1 };
      throw new FedloomError(
        'ranges.syntax',
        `"${part.trim()}" in "${text}" is not a client index or a range of them: write for instance 7, 0-49 or 0-49,60.`,
        { text, part },
      );
    }),
  );
}

/** The text that `parseRanges` reads: `0-49,60`. */
export function formatRanges(ranges: readonly IndexRange[]): string {
  return ranges.map(({ from, count }) => (count === 1 ? `${from}` : `${from}-${from + count - 1}`)).join(',');
}

/** The same indices in ascending, disjoint ranges that do not touch. */
function mergeRanges(ranges: readonly IndexRange[]): IndexRange[] {
  const merged: IndexRange[] = [];
  for (const { from, count } of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || from > last.from + last.count) merged.push({ from, count });
    else merged[merged.length - 1] = { from: last.from, count: Math.max(last.count, from + count - last.from) };
  }
  return merged;
}
