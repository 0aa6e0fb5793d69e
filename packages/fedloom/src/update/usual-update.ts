/** How large updates are: what one is measured by, and what was usual in the rounds before. */
import type { UpdateSpec } from './update.js';

export const PARTS = ['trained', 'buffer', 'upload'] as const satisfies readonly UpdateSpec['kind'][];
export type UpdatePart = (typeof PARTS)[number];

/** The size of an update. */
export interface UpdateSize {
  readonly sampleCount: number;
  /** l2 norm of the floats of each part, as one vector: of trained deltas, of buffers, of uploads. */
  readonly norms: Readonly<Record<UpdatePart, number>>;
}

export interface SizedUpdate extends UpdateSize {
  readonly client: number;
}

/** What was usual in one round: of each measure, the median of the updates that counted. */
export interface UsualUpdate extends UpdateSize {
  /** How many counted. */
  readonly updates: number;
}

/** @param norms of each tensor, in the order of the specs; 0 of integers */
export function sizeOf(sampleCount: number, norms: Float64Array, specs: readonly UpdateSpec[]): UpdateSize {
  const squares = { trained: 0, buffer: 0, upload: 0 };
  let index = 0;
  for (const { kind } of specs) {
    const norm = norms[index++] ?? 0;
    squares[kind] += norm * norm;
  }
  const norm = (part: UpdatePart) =>
    Number.isFinite(squares[part])
      ? Math.sqrt(squares[part])
      : scaledNorm(norms.filter((_, i) => specs[i]?.kind === part));
  return { sampleCount, norms: { trained: norm('trained'), buffer: norm('buffer'), upload: norm('upload') } };
}

/** Of norms beyond 2^512, whose squares are not finite. */
function scaledNorm(norms: Float64Array): number {
  const largest = norms.reduce((most, norm) => Math.max(most, norm), 0);
  return largest * Math.sqrt(norms.reduce((sum, norm) => sum + (norm / largest) ** 2, 0));
}

/** The medians of each measure. @param sizes at least one */
export function usualOf(sizes: readonly UpdateSize[]): UpdateSize {
  const [first] = sizes;
  // One client, or rounds that changed nothing: what a small round costs should not be its medians.
  if (first !== undefined && sizes.every((other) => isSame(first, other))) {
    return { sampleCount: first.sampleCount, norms: first.norms };
  }
  return {
    sampleCount: lowerMedian(sizes, ({ sampleCount }) => sampleCount),
    norms: {
      trained: lowerMedian(sizes, ({ norms }) => norms.trained),
      buffer: lowerMedian(sizes, ({ norms }) => norms.buffer),
      upload: lowerMedian(sizes, ({ norms }) => norms.upload),
    },
  };
}

function isSame(a: UpdateSize, b: UpdateSize): boolean {
  return (
    a.sampleCount === b.sampleCount &&
    a.norms.trained === b.norms.trained &&
    a.norms.buffer === b.norms.buffer &&
    a.norms.upload === b.norms.upload
  );
}

/** Of an even number of values the lower of the two in the middle; 0 of none. */
export function lowerMedian<T>(of: readonly T[], measure: (one: T) => number): number {
  const [one] = of;
  const first = one === undefined ? 0 : measure(one);
  // Most models have neither buffers nor uploads, and many federations clients of one size.
  if (of.every((other) => measure(other) === first)) return first;
  const ascending = Float64Array.from(of, measure).sort();
  return ascending[(ascending.length - 1) >> 1] ?? 0;
}
