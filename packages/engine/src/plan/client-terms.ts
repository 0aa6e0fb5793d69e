import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';

/** What an algorithm sees of one trained parameter inside a client's graph. All tensors have the parameter's shape. */
export interface TermContext {
  /** The parameter at this step, v. */
  readonly parameter: Value;
  /** The parameter as the server sent it, w. */
  readonly global: Value;
  /** The parameter's name. */
  readonly name: string;
  /** A tensor the server sent beside the model. */
  broadcast(slot: string): Value;
  /** A tensor the client has kept since it last took part; zero before. */
  state(slot: string): Value;
  /** One of the algorithm's hyper-parameters or `learningRate`; float32 `[]`. */
  scalar(name: string): Value;
}

export interface FinishContext extends TermContext {
  /** The parameter after training, y. */
  readonly parameter: Value;
  /** Optimiser steps taken, float32 `[]`. */
  readonly stepCount: Value;
  readonly learningRate: Value;
}

/** What a federated algorithm adds to the client's training. A slot is one tensor for each trained parameter. */
export interface ClientTerms {
  readonly algorithm: string;
  /** Hyper-parameters with their defaults; the server may change them from round to round. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Slots the server sends. */
  readonly broadcast: readonly string[];
  /** Slots the client keeps. */
  readonly state: readonly string[];
  /** Slots the client sends beside its parameters. */
  readonly upload: readonly string[];
  /** Added to the gradient of each trained parameter at each step. */
  gradientTerm?(g: Graph, context: TermContext): Value;
  /** Runs once after training. Gives every slot of `upload` and of `state`; needed where there are any. */
  finish?(g: Graph, context: FinishContext): FinishResult;
}

export interface FinishResult {
  readonly upload: Readonly<Record<string, Value>>;
  readonly state: Readonly<Record<string, Value>>;
}
