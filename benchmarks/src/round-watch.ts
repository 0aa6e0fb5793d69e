import type { RoundRecord, Run } from 'fedloom';

/** Rounds to run so that `measured` of them can be measured: the first warms up, the last evaluates. */
export function roundsFor(measured: number): number {
  return measured + 2;
}

export interface WatchedRound {
  /** From the end of the round before to the end of this one: everything that a round costs, sampling included. */
  readonly ms: number;
  /** The part that its record says went into checks and folds. */
  readonly foldMs: number;
  /** Bytes of frames from the clients and to them. */
  readonly up: number;
  readonly down: number;
}

/** Waits for a run to end and times its rounds from the outside, without the first and the last. */
export async function watchRounds(run: Run): Promise<WatchedRound[]> {
  const ends: { readonly atMs: number; readonly record: RoundRecord }[] = [];
  run.on('round', (record) => ends.push({ atMs: performance.now(), record }));
  await run.result;
  const rounds: WatchedRound[] = [];
  for (let i = 1; i < ends.length - 1; i += 1) {
    const [before, end] = [ends[i - 1], ends[i]];
    if (before && end) {
      const { ms, bytesUp: up, bytesDown: down } = end.record;
      rounds.push({ ms: end.atMs - before.atMs, foldMs: ms.fold, up, down });
    }
  }
  return rounds;
}
