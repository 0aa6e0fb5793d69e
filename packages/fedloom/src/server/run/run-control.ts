import type { Clock } from '../../core/clock.js';
import type { RoundRecord } from '../../core/records.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { Ban } from './bans.js';
import type { Federation } from './federation.js';
import type { Run } from './run.js';

/** One connection of a run. */
export interface SessionStatus {
  readonly session: string;
  /** Where it comes from, and who it has proved to be. */
  readonly peer: string;
  readonly clients: readonly IndexRange[];
  /** Of the connection so far. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * - `waiting`: for its first clients · `training` · `evaluating`: a closed round, beside what trains already
 * - `paused`: what was decided is on disk, and nothing further is decided · `over`
 */
export type RunPhase = 'waiting' | 'training' | 'evaluating' | 'paused' | 'over';

/** What a run that is served does now. */
export interface RunStatus {
  readonly run: string;
  readonly phase: RunPhase;
  /** The round under way, from 0; null before the first. */
  readonly round: number | null;
  readonly rounds: number;
  /** Clients in the federation, and those that are there. */
  readonly clients: number;
  readonly present: number;
  readonly sessions: readonly SessionStatus[];
  readonly bans: readonly Ban[];
  /** The record of the last round that is over. */
  readonly lastRound: RoundRecord | null;
  /** Since this process began: updates that were folded and refused, warnings, bytes over all connections. */
  readonly updates: number;
  readonly refused: number;
  readonly warnings: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly uptimeMs: number;
}

/** What an operator may do with a run that is served, while it goes on. */
export interface RunControl {
  status(): RunStatus;
  /** What is decided is written down as ever; then nothing further is decided until `resume`. Clients finish what they train. */
  pause(): void;
  resume(): void;
  /** Ends the run in order after the round under way, as `stopWhen` does; one that waits for its first clients at once. */
  stop(): void;
  /**
   * Closes the connections that hold any of these clients, or are of this name. Their processes end; others may join in their place.
   * @returns the sessions that were closed
   */
  kick(whom: { readonly clients?: readonly IndexRange[]; readonly session?: string }): readonly string[];
  /** Lets these clients, or whoever comes from this host, in no more, and closes their connections. */
  ban(whom: Ban): readonly string[];
  /** @returns how many bans were lifted */
  unban(whom: Ban): number;
}

/** @param rounds, clients of the run */
export function runControl(
  federation: Federation,
  events: Run,
  { run, rounds, clients, clock }: { run: string; rounds: number; clients: number; clock: Clock },
): RunControl {
  const { steering } = federation;
  const startedMs = clock.now();
  let phase: RunPhase = 'waiting';
  let round: number | null = null;
  let lastRound: RoundRecord | null = null;
  let [updates, refused, warnings] = [0, 0, 0];
  events.on('roundStarted', (started) => {
    phase = 'training';
    round = started.round;
  });
  events.on('evaluating', () => {
    phase = 'evaluating';
  });
  events.on('round', (record) => {
    lastRound = record;
  });
  events.on('update', () => {
    updates += 1;
  });
  events.on('refused', () => {
    refused += 1;
  });
  events.on('warning', () => {
    warnings += 1;
  });
  const phaseNow = (): RunPhase => {
    if (federation.isOver) return 'over';
    return federation.steering.isPaused ? 'paused' : phase;
  };
  return {
    status: () => ({
      run,
      phase: phaseNow(),
      round,
      rounds,
      clients,
      present: federation.present,
      sessions: federation.sessions.map(({ session: { id, peer, channel }, clients: held }) => ({
        session: id,
        peer,
        clients: held,
        bytesIn: channel.bytesIn,
        bytesOut: channel.bytesOut,
      })),
      bans: steering.bans.all,
      lastRound,
      updates,
      refused,
      warnings,
      bytesIn: federation.bytes.up,
      bytesOut: federation.bytes.down,
      uptimeMs: Math.round(clock.now() - startedMs),
    }),
    pause: () => {
      if (!federation.isOver) steering.pause();
    },
    resume: () => steering.goOn(),
    stop: () => {
      if (phase === 'waiting') federation.cancel('The operator stopped the run before its first round.');
      else steering.stopAfterRound('the operator stopped the run');
    },
    kick: (whom) => steering.kick(whom),
    ban: (whom) => steering.ban(whom),
    unban: (whom) => steering.bans.lift(whom),
  };
}
