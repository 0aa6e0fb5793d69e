import { pairwiseRatios, type Summary, summarize } from './stats.js';

/** What the project wants to reach; `bench` says whether a run did. */
export type Target =
  | { readonly of: 'ratio' | 'value'; readonly atLeast: number }
  | { readonly of: 'ratio' | 'value'; readonly atMost: number };

/** One line of the table. */
export interface Row {
  readonly workload: string;
  /** What was measured, in words, without the unit. */
  readonly measure: string;
  readonly unit: string;
  readonly ours: Summary;
  /** The other side, and what it is: `PyTorch, 2 processes`. Absent when there is none or it is not installed. */
  readonly peer?: Summary & { readonly name: string };
  /** Ratios of pairs, above 1 when ours is better, unless the target says `atMost`: then ours over the other side. */
  readonly ratio?: Summary;
  readonly target?: Target;
  readonly note?: string;
}

/** Measurements in the order in which they were made; those of ours and the peer belong together by place. */
export interface Series {
  readonly workload: string;
  readonly measure: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly peer?: { readonly name: string; readonly values: readonly number[] };
  /** Which side is better off, for the ratio. `ours/peer`: the plain quotient. */
  readonly ratio: 'higher is better' | 'lower is better' | 'ours/peer';
  readonly target?: Target;
  readonly note?: string;
}

export function rowOf({ ours, peer, ratio, ...rest }: Series): Row {
  const row: Row = { ...rest, ours: summarize(ours) };
  if (peer === undefined) return row;
  const ratios = ratio === 'lower is better' ? pairwiseRatios(peer.values, ours) : pairwiseRatios(ours, peer.values);
  return { ...row, peer: { ...summarize(peer.values), name: peer.name }, ratio: summarize(ratios) };
}

/** Whether the medians of this run reach the target; undefined without a target, or where the other side is missing. */
export function reached({ target, ours, ratio }: Row): boolean | undefined {
  if (target === undefined) return undefined;
  const value = target.of === 'ratio' ? ratio?.median : ours.median;
  if (value === undefined) return undefined;
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}
