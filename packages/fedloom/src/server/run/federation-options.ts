import type { NamedTensors } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../../algorithms/algorithm.js';
import type { ClientIndex, Hash } from '../../core/brands.js';
import type { Clock } from '../../core/clock.js';
import type { Emitter } from '../../core/emitter.js';
import type { HashFunction } from '../../core/hash.js';
import type { BestModel, ClientRecord, ReportedResults, RoundRecord } from '../../core/records.js';
import type { IndexRange, Welcome } from '../../protocol/messages.js';
import type { OwnMessages } from '../../protocol/own-messages.js';
import type { ResultAggregator } from '../../task/result-aggregator.js';
import type { StageChain } from '../../update/stages/payload-specs.js';
import type { UpdateHolders } from '../../update/update-holders.js';
import type { SessionDoor, SessionDoorOptions } from '../lobby/session-door.js';
import type { ReplaySchedule } from '../schedule/replay.js';
import type { CoordinatorOptions } from '../schedule/schedule.js';
import type { ResumePoint } from '../schedule/state.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { OwnerBook } from './index-owners.js';
import type { WatchOptions } from './metric-watch.js';
import type { Persistence } from './persistence.js';
import type { UpdateBoundsOptions } from './update-bounds.js';
import type { SavedVersion } from './versions.js';
import type { ServerWorkload } from './workload.js';

export interface FederationOptions {
  readonly run: string;
  readonly software: string;
  readonly seed: number;
  readonly workload: ServerWorkload;
  readonly algorithm: FederatedAlgorithm;
  readonly resultAggregator: ResultAggregator;
  /** Names of the metrics that the task declares. Default none. */
  readonly metrics?: readonly string[];
  readonly coordinator: CoordinatorOptions;
  readonly clock: Clock;
  readonly hash: HashFunction;
  /** Where its clients come in. */
  readonly lobby: { openDoor(options: SessionDoorOptions): SessionDoor };
  /** Largest body that a client may send. */
  readonly bodyBytesMax: number;
  /** Room that bodies on their way in need, all together. */
  readonly budgetBytes: number;
  /** Messages of the user's own. */
  readonly messages: OwnMessages;
  /** Called when a round's model is made; the round goes on when it settles. Rejecting ends the run as failed. */
  readonly checkpoint?: (round: number, model: NamedTensors) => void | Promise<void>;
  readonly events: Emitter<FederationEvents>;
  /**
   * Frees what nobody holds any more. For large models: the engine's own collector does not see soon enough how much that is.
   * Default: it comes when it comes.
   */
  readonly collectGarbage?: () => void;
  /** What an update may claim and be. Default: as `RunOptions` has it. */
  readonly bounds?: UpdateBoundsOptions;
  /** What the run's metrics decide. */
  readonly watch?: WatchOptions;
  /** How long a run that is complete waits for clients whose line broke, to tell them, in milliseconds. Default 0: not at all. */
  readonly farewellMs?: number;
  /** What is written down before anybody is told. Default: nothing. */
  readonly persistence?: Persistence;
  /** Where a run goes on. */
  readonly resumed?: {
    /** Once: whoever takes them holds them. */
    readonly takeSaved: () => SavedModels;
    readonly point: ResumePoint;
    /** Of the rounds that are recorded, ascending. */
    readonly records?: readonly RoundRecord[];
    /** The record of the last round that was evaluated. */
    readonly lastEvaluated?: RoundRecord;
    /** What is known of the last round, where it was not recorded. */
    readonly unrecorded?: Pick<RoundRecord, 'trainLoss' | 'sampleCount'> & {
      readonly serverResults: ReportedResults | null;
    };
  };
  /** Simulated runs in which it matters who comes first take results by a virtual clock, and so do not depend on who computes them. */
  readonly virtual?: {
    /** Units of work a client does in a unit of time. */
    readonly speed: (client: ClientIndex) => number;
    /** Where the clock stands, when a run goes on. */
    readonly time?: VirtualTime;
  };
  /** A replay takes each update when it is its turn, by what is recorded. */
  readonly isDue?: ReplaySchedule['isDue'];
  /** Where it is written down whose clients are whose. Default: nowhere. */
  readonly owners?: OwnerBook;
  /** Who wants to know the hash of each update that is folded, and how it is made. Default: nobody. */
  readonly updateHashes?: {
    readonly of: (body: Uint8Array) => Promise<Hash>;
    readonly told: (update: UpdateHash) => void;
  };
  /** With whom updates stay until they are summed. Default: nobody. */
  readonly holders?: UpdateHolders;
  /** The run's stages with what travels between them. */
  readonly chain: StageChain;
}

/** The models of a run that goes on. */
export interface SavedModels {
  readonly version: SavedVersion;
  readonly older: readonly SavedVersion[];
  readonly frozen?: NamedTensors;
}

/** An update that was folded, and the SHA-256 of the body that brought it. */
export interface UpdateHash {
  /** As in the update's record. */
  readonly round: number;
  readonly client: number;
  readonly task: number;
  readonly attempt: number;
  readonly hash: Hash;
}

/** What a federation tells while it runs. */
export interface FederationEvents {
  /** The task is compiled and its data are there; clients may join. */
  prepared: [
    {
      readonly run: string;
      readonly workload: Welcome['workload'];
      readonly parameterCount: number;
      /** Of rounds that an earlier process finished, ascending. */
      readonly records: readonly RoundRecord[];
      /** Makes what the run's models compute, as ONNX whose parameters are inputs; absent where users' own code does it. */
      readonly inference?: () => Uint8Array;
    },
  ];
  clientsJoined: [
    {
      readonly session: string;
      readonly peer: string;
      readonly ranges: readonly IndexRange[];
      readonly present: number;
    },
  ];
  clientsLeft: [{ readonly session: string; readonly peer: string; readonly reason: string; readonly present: number }];
  roundStarted: [{ readonly round: number }];
  /** An update was folded. */
  update: [ClientRecord];
  /** An update was refused or a client failed: its code says why. `peer`: whose it was, where it is known. */
  refused: [
    {
      readonly client: ClientIndex;
      readonly round: number;
      readonly code: string;
      readonly message: string;
      readonly peer?: string;
    },
  ];
  evaluating: [{ readonly round: number }];
  round: [RoundRecord];
  /** The round that was just told is the best so far, and its model is kept. */
  best: [BestModel];
  warning: [{ readonly code: string; readonly message: string }];
}
