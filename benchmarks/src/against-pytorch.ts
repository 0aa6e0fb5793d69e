import { type CommandRun, runCommand } from './command.js';
import { interleave } from './interleave.js';
import { type Peer, type PeerMode, type PeerRun, type PeerWorkload, usableModes } from './peer.js';
import { TimeLimitError } from './spawned.js';
import type { BenchContext } from './workload.js';

export interface Match {
  /** The task's file and the peer's name for it. */
  readonly name: PeerWorkload;
  readonly clients: number;
  readonly rounds: number;
  /** Rounds of the run that decides which of the peer's modes is the fastest; at least 2. */
  readonly trialRounds: number;
  readonly repeats: number;
  /** What the peer's modes are judged by. */
  readonly judge: (run: PeerRun) => number;
}

export interface MatchResult {
  readonly ours: readonly CommandRun[];
  readonly peer?: { readonly name: string; readonly runs: readonly PeerRun[] };
}

const COHORT = 10;
const TRIAL_PATIENCE = 3;

/** Runs our command and the peer in its fastest mode in turn, each as a process of its own. */
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
  const mode = await fastestMode(context, peer, match);
  const other = { name: mode.name, measure: () => peer.run(name, rounds, mode) };
  const [runs, peerRuns] = await interleave<CommandRun | PeerRun>([ours, other], repeats, say);
  return { ours: runs as CommandRun[], peer: { name: mode.name, runs: peerRuns as PeerRun[] } };
}

/** Tries each mode once; one that takes much longer than the best so far is stopped. */
async function fastestMode({ say }: BenchContext, peer: Peer, match: Match): Promise<PeerMode> {
  let best: { readonly mode: PeerMode; readonly cost: number; readonly wallSeconds: number } | undefined;
  for (const mode of usableModes()) {
    try {
      const limitSeconds = best && best.wallSeconds * TRIAL_PATIENCE;
      const run = await peer.run(match.name, match.trialRounds, mode, limitSeconds);
      const cost = match.judge(run);
      say(`trial: ${mode.name}: ${cost.toPrecision(3)} s`);
      if (best === undefined || cost < best.cost) best = { mode, cost, wallSeconds: run.wallSeconds };
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
      say(`trial: ${mode.name}: left out, more than ${TRIAL_PATIENCE} times slower`);
    }
  }
  if (best === undefined) throw new Error('this machine has no core for the peer');
  return best.mode;
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
