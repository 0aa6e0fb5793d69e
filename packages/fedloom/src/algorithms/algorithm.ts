import type { ClientTerms, NamedTensors, Tensor } from '@fedloom/engine';

/**
 * A federated algorithm as a value: what it adds to the client's training, what travels, how updates are weighted, and
 * what the server makes of their mean. It holds no state of its own; the server keeps `ServerState` beside the model and
 * the clients keep theirs.
 *
 * A *slot* is a family of tensors, one for each trained parameter and of its shape; its tensors are named
 * `slot/parameter`. The server state's slots that `terms.broadcast` names travel to the clients with the model; those that
 * `terms.upload` names come back with the trained parameters and are averaged with the same weights.
 */
export interface FederatedAlgorithm {
  /** Camel case, as the function that makes it. A `Trainer` that applies the terms itself declares this name. */
  readonly name: string;
  /** Author, year, arXiv number. */
  readonly citation: string;
  /** Weights of the mean over clients, of parameters and uploads alike: the clients' sample counts, or all equal. */
  readonly weighting: 'samples' | 'uniform';
  /** What the client's training graph gains; absent where clients train plainly. */
  readonly terms?: ClientTerms;
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
  /** The shared parameters that the round's clients started from. */
  readonly model: NamedTensors;
  readonly state: ServerState;
  /** Weighted mean of the clients' parameters and of their uploads (`slot/parameter`), each rounded to its dtype. */
  readonly aggregate: NamedTensors;
  /** As for `initialize`. */
  readonly trained: ReadonlySet<string>;
  /** Clients behind `aggregate`: |S|. */
  readonly countedClients: number;
  /** Clients of the federation: N. */
  readonly totalClients: number;
}

/** Every parameter of the model and every tensor of the state, with names, shapes and dtypes as they were. */
export interface ServerUpdateResult {
  readonly model: Map<string, Tensor>;
  readonly state: Map<string, Tensor>;
}
