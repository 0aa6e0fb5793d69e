import { type CommandRun, runCommand } from './command.js';
import { interleave } from './interleave.js';
import { type Peer, type PeerMode, type PeerRun, type PeerWorkload, usableModes } from './peer.js';
import { TimeLimitError } from './spawned.js';
import { median } from './stats.js';
import type { BenchContext } from './workload.js';

export interface Match {
  /** The task's file and the peer's name for it. */
  readonly name: PeerWorkload;
  readonly clients: number;
  readonly rounds: number;
  /** Rounds of the trials that leave out the peer's slow modes; at least 2. */
  readonly trialRounds: number;
  readonly repeats: number;
  /** What the peer's modes are judged by: the least is the fastest. */
  readonly judge: (run: PeerRun) => number;
}

export interface MatchResult {
  readonly ours: readonly CommandRun[];
  readonly peer?: { readonly name: string; readonly runs: readonly PeerRun[] };
}

const COHORT = 10;
const TRIAL_PATIENCE = 3;
/** A trial is one run on a machine that has other things to do, too. */
const CONTENDER_MARGIN = 1.5;

/** Runs our command and the peer in turn, each as a process of its own, the peer in every mode that may be its fastest. */
export async function playMatch(context: BenchContext, match: Match): Promise<MatchResult> {
  const { name, clients, rounds, repeats } = match;
  const { peer, say } = context;
  // Not measured: files come from the disk but once. The peer's trials do the same for its own.
  await runCommand(name, { clients, perRound: COHORT, rounds: 1 });
  const ours = { name: 'fedloom', measure: () => runCommand(name, { clients, perRound: COHORT, rounds }) };
  if (peer === undefined) {
    const [runs = []] = await interleave<CommandRun>([ours], repeats, say);
    return { ours: runs };
  }
  const others = (await contenders(context, peer, match)).map((mode) => ({
    name: mode.name,
    measure: () => peer.run(name, rounds, mode),
  }));
  const [runs = [], ...peerRuns] = await interleave<CommandRun | PeerRun>([ours, ...others], repeats, say);
  const played = others.map((other, i) => ({ name: other.name, runs: (peerRuns[i] ?? []) as PeerRun[] }));
  const cost = (side: { readonly runs: readonly PeerRun[] }) => median(side.runs.map(match.judge));
  const best = played.reduce((fastest, side) => (cost(side) < cost(fastest) ? side : fastest));
  return { ours: runs as CommandRun[], peer: best };
}

/** The peer's modes that may be its fastest, by one trial each; one that takes much longer than the best is stopped. */
async function contenders({ say }: BenchContext, peer: Peer, match: Match): Promise<PeerMode[]> {
  const trials: { readonly mode: PeerMode; readonly cost: number; readonly wallSeconds: number }[] = [];
  for (const mode of usableModes()) {
    const limitSeconds = Math.min(...trials.map(({ wallSeconds }) => wallSeconds * TRIAL_PATIENCE));
    try {
      const run = await peer.run(match.name, match.trialRounds, mode, limitSeconds);
      const cost = match.judge(run);
      say(`trial: ${mode.name}: ${cost.toPrecision(3)} s`);
      trials.push({ mode, cost, wallSeconds: run.wallSeconds });
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
      say(`trial: ${mode.name}: left out, more than ${TRIAL_PATIENCE} times slower`);
    }
  }
  const best = Math.min(...trials.map(({ cost }) => cost));
  return trials.filter(({ cost }) => cost <= best * CONTENDER_MARGIN).map(({ mode }) => mode);
}

/** Seconds of a round's training and averaging, on average over all rounds but the first, which warms up. */
export function peerRoundSeconds({ roundSeconds }: PeerRun): number {
  return meanWithoutFirst(roundSeconds);
}

/** The same of ours: from the first message that configures a client to the encoded new model. */
export function roundSeconds({ rounds }: CommandRun): number {
  return meanWithoutFirst(rounds.map(({ ms }) => (ms.train + ms.aggregate) / 1000));
}

function meanWithoutFirst(values: readonly number[]): number {
  const timed = values.slice(1);
  return timed.reduce((sum, value) => sum + value, 0) / timed.length;
}
