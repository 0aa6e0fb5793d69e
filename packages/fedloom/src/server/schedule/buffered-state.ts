/** What the schedule `buffered` remembers: plain data. */

import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import type { Output } from './output.js';
import type { Sampler } from './sampling.js';
import type { CoordinatorState } from './schedule.js';
import type { Spares } from './spares.js';
import type { CountedUpdate, Replacement, UncountedClient } from './types.js';

export interface BufferedSettings {
  readonly concurrency: number;
  readonly bufferSize: number;
  readonly stalenessMax: number | null;
  readonly deadlineMs: number | null;
  readonly quorum: number;
  readonly sampler: Sampler;
}

export interface BufferedState {
  /** By client: whoever has a place, at most `concurrency`. */
  readonly asks: Map<ClientIndex, BufferedAsk>;
  /** Those among them that got it since the last fold was closed. */
  readonly started: Set<ClientIndex>;
  /** How many of all are there and train. */
  working: number;
  /** How often each client was asked: its next task. */
  readonly tasks: Uint32Array;
  /** Clients that may be asked: present, without a place, with nothing unsettled, not failed in this fold. */
  idle: Spares;
  /** The sampler's order of this epoch. It is gone through once, whoever may be asked then; then comes the next. */
  order: Int32Array;
  epoch: number;
  cursor: number;
  /** Whose deadline each timer is. */
  readonly timers: Map<string, ClientIndex>;
  /** Places that were taken from clients and wait for another. */
  readonly vacated: { readonly client: ClientIndex; readonly reason: string }[];
  /** Clients that are kept out: they may be asked again when that is over. */
  readonly barred: Set<ClientIndex>;
  fold: OpenFold;
  /** All folds are closed. */
  done: boolean;
}

export interface OpenFold {
  readonly counted: CountedUpdate[];
  readonly uncounted: UncountedClient[];
  readonly replaced: Replacement[];
  readonly away: Set<ClientIndex>;
  /** Clients that failed: they are asked again in the next fold. */
  readonly failed: Set<ClientIndex>;
  /** Runs while nobody trains and somebody must join. */
  timer: string | null;
  /** How often that was so. */
  waits: number;
  warnedIdle: boolean;
}

export interface BufferedAsk {
  readonly client: ClientIndex;
  readonly base: VersionNumber;
  readonly task: number;
  /** awaited: absent. */
  status: 'working' | 'awaited';
  /** Attempts it was configured with: first to last; -1: not yet. */
  firstAttempt: number;
  lastAttempt: number;
  timer: string | null;
}

/** What the functions of the schedule work on. */
export interface BufferedContext {
  readonly state: CoordinatorState;
  readonly settings: BufferedSettings;
  readonly own: BufferedState;
  readonly output: Output;
}

export function openFold(): OpenFold {
  return {
    counted: [],
    uncounted: [],
    replaced: [],
    away: new Set(),
    failed: new Set(),
    timer: null,
    waits: 0,
    warnedIdle: false,
  };
}
