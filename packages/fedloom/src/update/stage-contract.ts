import type { DType, NamedTensors } from '@fedloom/engine';
import type { RandomStream } from '../core/random.js';
import type { UpdateSpec } from './update.js';

export type StageOptions = Readonly<Record<string, number | string | boolean>>;

/** One tensor of a stage's payload: what its client half makes, and the next stage's client half takes. */
export interface PayloadSpec {
  readonly name: string;
  readonly dtype: DType;
  /** Exact, unless `upTo`: then one axis of at most so many elements. */
  readonly shape: readonly number[];
  readonly upTo?: boolean;
  /**
   * Whether its elements are those of the vector of all trained float deltas, in any order; elements of the vector that no
   * such tensor holds are zeros. So a stage behind another knows what a norm is to cover.
   */
  readonly trained?: boolean;
}

/**
 * What every update passes on its way: the client half of each stage in the order of their list, then the wire, then the
 * server halves in reverse. Either half may be absent, and either may be async. Halves change none of the tensors they are
 * given, and may give them on. An update whose server half has not settled when its client is waited for no longer (the round's
 * deadline is over, say) is dropped as `stage.late`, and its memory used again: what the half gives then is not looked at.
 */
export interface Stage {
  /** Camel case, or `vendor/name` for those of others: unique within a run. */
  readonly name: string;
  /** Settings that client and server must agree on; they travel in `welcome`. */
  readonly options: StageOptions;
  /**
   * Whether its client half adds to trained values what the stage before did not give it, such as a residual or noise, or
   * rounds them up: what was bounded is then no longer.
   */
  readonly alters?: boolean;
  /** Whether its server half refuses trained values beyond a bound: so no stage after it may be one that `alters`. */
  readonly bounds?: boolean;
  /**
   * The tensors that its client half makes of these. Absent: the same as it takes. Both ends check what they send and what
   * they get against it.
   * @param input what it takes: the run's specs, or the payload of the stage before
   * @param specs the run's specs, which tell the trained tensors from the others
   * @throws FedloomError `stage.order` where it cannot work on what the stages before it made
   */
  payload?(input: readonly PayloadSpec[], specs: readonly UpdateSpec[]): readonly PayloadSpec[];
  client?(tensors: NamedTensors, context: ClientStageContext): ClientStageResult | Promise<ClientStageResult>;
  /** From what its client half made to what that took, ascending by name. */
  server?(payload: NamedTensors, context: ServerStageContext): NamedTensors | Promise<NamedTensors>;
}

export interface StageContext {
  readonly client: number;
  /** As `Update.task`. */
  readonly task: number;
  /** The run's specs. */
  readonly specs: readonly UpdateSpec[];
  /** What the client half takes, and what the server half gives back. */
  readonly input: readonly PayloadSpec[];
}

export interface ClientStageContext extends StageContext {
  /** The stage's private state as it last committed: tensors by names of its own; empty before. */
  readonly state: NamedTensors;
  /** The client's own stream for this stage and task. */
  readonly random: RandomStream;
}

export interface ClientStageResult {
  /** Ascending by name. */
  readonly tensors: NamedTensors;
  /** The next private state, which commits if the update counts; absent: the stage keeps none. */
  readonly state?: NamedTensors;
}

export interface ServerStageContext extends StageContext {}
