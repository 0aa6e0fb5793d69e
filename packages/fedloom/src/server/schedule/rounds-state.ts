/** What the schedule `rounds` remembers: plain data. */

import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import type { Output } from './output.js';
import type { Sampler } from './sampling.js';
import type { CoordinatorState } from './schedule.js';
import type { Spares } from './spares.js';
import type { Reason, Replacement } from './types.js';

export interface RoundsSettings {
  readonly clientsPerRound: number;
  /** So many times as many are asked; the first that answer count. 1: no more than are needed. */
  readonly overSelect: number;
  readonly deadlineMs: number | null;
  readonly quorum: number;
  readonly attemptsMax: number;
  readonly sampler: Sampler;
}

export interface RoundsState {
  /** Null before the first round. */
  training: TrainingState | null;
  /** The next round's preference order, drawn ahead while the clients train. */
  nextOrder: Int32Array | null;
}

/** The collection of one round's updates. */
export interface TrainingState {
  readonly order: Int32Array;
  /** The version that all start from. */
  readonly base: VersionNumber;
  /** Everyone who has a place in the cohort or had one in this round. */
  readonly members: Map<ClientIndex, Member>;
  /** The client in each place; -1: the place is lost. */
  readonly places: Int32Array;
  /** The attempt that the next configuration of each place gets: whoever takes a place over goes on counting. */
  readonly nextAttempt: Int32Array;
  /** Clients whose places are lost until somebody takes them. */
  readonly lost: Member[];
  /** Places whose client has been away for longer than the grace, and found nobody to replace it. */
  readonly missedPlaces: number[];
  /** Present clients without a place in this round and with nothing unsettled, made when first needed. */
  spares: Spares | null;
  /** Places by the status of their client; they and `lost` add up to the cohort. */
  awaited: number;
  unsettled: number;
  working: number;
  folded: number;
  readonly replaced: Replacement[];
  /** Everyone who was away at some time in this round while it had a place. */
  readonly away: Set<ClientIndex>;
  /** How often the deadline has been extended. */
  extensions: number;
  timer: string | null;
  warnedIdle: boolean;
  /** The round takes no more updates. */
  closed: boolean;
}

export interface Member {
  readonly client: ClientIndex;
  readonly place: number;
  /**
   * awaited: absent; unsettled: present, and asked as soon as its update of a round before is settled; working: configured and
   * present; folded: its update came; dropped: it failed or was replaced.
   */
  status: 'awaited' | 'unsettled' | 'working' | 'folded' | 'dropped';
  /** Attempts it was configured with: first to last; -1: never. */
  firstAttempt: number;
  lastAttempt: number;
  /** The attempt whose update was folded. */
  foldedAttempt: number;
  /** Why it was dropped. */
  reason: Reason | null;
  /** Its update was refused for what it was. */
  offence: boolean;
  /** It was there, and missed a deadline. */
  silent: boolean;
}

/** What the functions of a round work on. */
export interface RoundContext {
  readonly state: CoordinatorState;
  readonly settings: RoundsSettings;
  readonly own: RoundsState;
  readonly training: TrainingState;
  readonly output: Output;
}
