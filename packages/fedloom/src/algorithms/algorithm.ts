import type { ClientTerms, NamedTensors, Tensor } from '@fedloom/engine';
import type { Fold } from '../update/fold-contract.js';
import type { Stage } from '../update/stage-contract.js';
import type { Facts } from '../update/update.js';

/**
 * A federated algorithm as a value: what it adds to the client's training, what travels, how much each update counts, how
 * they are folded, and what the server makes of the aggregate. It holds no state of its own; the server keeps `ServerState`
 * beside the model and the clients keep theirs.
 *
 * A *slot* is a family of tensors, one for each trained parameter and of its shape; its tensors are named
 * `slot/parameter`. The server state's slots that `client.terms.broadcast` names travel to the clients with the model;
 * those that `client.terms.upload` names come back beside the deltas and are averaged with the same weights.
 */
export interface FederatedAlgorithm {
  /** Camel case, as the function that makes it. A `Trainer` that applies the terms itself declares this name. */
  readonly name: string;
  /** Author, year, arXiv number. */
  readonly citation: string;
  /** What the clients do for it; absent where they train plainly. */
  readonly client?: AlgorithmClient;
  /**
   * How much an update's trained tensors and its uploads count: finite and at least 0, rounded to 24 significant bits.
   * Buffers always count by `sampleCount`. Default: by `sampleCount`.
   * @param facts the update's own, and what the server adds: `staleness`, and `deltaNorm` where `client.needs` asks for it
   * @param scalars as the client had them
   */
  weight?(facts: Facts, scalars: Scalars): number;
  /**
   * What a stale update is the difference to, when it is folded: the model that its client started from (`base`), or the
   * newest (`newest`: w_i - w, as FedAsync has it). Without staleness they are the same. Default `base`.
   */
  readonly reference?: 'base' | 'newest';
  /** When whom is asked to train. Default: in rounds. */
  readonly schedule?: BufferedSchedule;
  /** How the updates become one aggregate. Default: their exact weighted mean. */
  readonly fold?: Fold;
  /** Whether another fold may take its place, such as a robust one: the server update holds for any aggregate. Default false. */
  readonly foldReplaceable?: boolean;
  /**
   * True where the terms take a client's step to be -learningRate * gradient: tasks whose client optimiser keeps state,
   * such as momentum, are then refused. Default false.
   */
  readonly needsStatelessOptimizer?: boolean;
  readonly server: ServerUpdate;
  /** All settings with their values, for the run's record and for `--set algorithm.<name>=<value>`. */
  readonly hyperparameters?: Hyperparameters;
  /** The same algorithm with some settings changed. @throws FedloomError `algorithm.option`. */
  with?(changes: Hyperparameters): FederatedAlgorithm;
}

/**
 * Clients train all the time, each from the newest model when it is asked; every `bufferSize` updates make a version. In place
 * of the clients a round, a run then has so many at work at a time.
 */
export interface BufferedSchedule {
  readonly name: 'buffered';
  readonly bufferSize: number;
  /** Versions that may have been made since the one that an update started from; older updates are refused. Default: any. */
  readonly stalenessMax?: number;
}

export interface AlgorithmClient {
  /** What the client's training graph gains. */
  readonly terms?: ClientTerms;
  /**
   * Scalars that change from round to round, beside or in place of `terms.scalars`. Pure.
   * @param round from 0 @param state the server's, from which the round's clients start
   */
  scalars?(round: number, state: ServerState): Scalars;
  /** What every update passes on its way, such as clipping; before those of the run. */
  readonly stages?: readonly Stage[];
  /**
   * Which of a plan's parameters stay with each client: trained and used there, never sent. Pure. Not together with `terms`.
   * @param names of all parameters but frozen ones, which are the same for everybody, in the order of the layers
   */
  privateParameters?(names: readonly string[]): readonly string[];
  /** Facts it asks for beside `sampleCount`, `stepCount` and `meanLoss`. */
  readonly needs?: readonly NeededFact[];
}

/**
 * - `initialLoss` mean loss over the client's training samples before it trains (from the client)
 * - `deltaNorm` l2 norm of all trained deltas as one vector (from the server)
 */
export type NeededFact = 'initialLoss' | 'deltaNorm';

export type Scalars = Readonly<Record<string, number>>;

export type Hyperparameters = Readonly<Record<string, number>>;

/** The algorithm's tensors on the server, `slot/parameter`, kept from round to round and in checkpoints. */
export type ServerState = NamedTensors;

/** Both functions are pure: they change none of the tensors they are given, and their results depend on nothing else. */
export interface ServerUpdate {
  /** The state before the first round. `trained` names the parameters that take gradients; the others are only averaged. */
  initialize(model: NamedTensors, trained: ReadonlySet<string>): Map<string, Tensor>;
  update(input: ServerUpdateInput): ServerUpdateResult;
}

export interface ServerUpdateInput {
  /** From 0. */
  readonly round: number;
  /** The shared parameters as they stand, but for frozen ones: what the clients started from, or came of it meanwhile. */
  readonly model: NamedTensors;
  readonly state: ServerState;
  /**
   * What the fold made of the updates: of floats the mean delta, and of uploads the mean, in float64; of integers the mean,
   * and of what folds by maximum that, as values of their dtype. What keeps the server's value is not in it. Its memory is used
   * again once `update` has returned.
   */
  readonly aggregate: NamedTensors;
  /**
   * Memory for the next model, by name, which holds anything: a result that is written there need not be copied, which matters for
   * large models.
   */
  readonly room?: NamedTensors;
  /** As for `initialize`. */
  readonly trained: ReadonlySet<string>;
  /** Those behind `aggregate`, ascending by index: S. */
  readonly clients: readonly CountedClient[];
  /** Clients of the federation: N. */
  readonly totalClients: number;
}

export interface CountedClient {
  readonly client: number;
  readonly facts: Facts;
  /** As it counted, in 24 significant bits. */
  readonly weight: number;
  /** As the client had them. */
  readonly scalars: Scalars;
}

/** Every parameter of the model and every tensor of the state, with names, shapes and dtypes as they were. */
export interface ServerUpdateResult {
  readonly model: Map<string, Tensor>;
  readonly state: Map<string, Tensor>;
}
