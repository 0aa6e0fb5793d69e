/** Several measurements of one thing. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** @throws Error without samples, or with one that is no finite number: a benchmark must not print what it did not measure */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0 || !samples.every(Number.isFinite)) {
    throw new Error(`cannot summarize these measurements: [${samples.join(', ')}]`);
  }
  return { median: median(samples), min: Math.min(...samples), max: Math.max(...samples), count: samples.length };
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** `ours[i] / peers[i]`, where both were measured in the same repeat, one right after the other. */
export function pairwiseRatios(ours: readonly number[], peers: readonly number[]): number[] {
  if (ours.length !== peers.length) throw new Error(`${ours.length} measurements stand against ${peers.length}`);
  return ours.map((value, i) => value / (peers[i] as number));
}
