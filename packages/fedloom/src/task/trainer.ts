import type { NamedTensors } from '@fedloom/engine';
import type { RandomStream } from '../core/random.js';
import type { Results } from '../core/records.js';
import type { ParamsLike } from './params-like.js';
import type { ClientResults, ResultAggregator } from './result-aggregator.js';

/**
 * Training code of one's own: the model and the data live inside it, fedloom moves the parameters. One object a client;
 * its methods are never called at the same time, nor are those of other clients in the process between `setModelParams` and
 * the `getModelParams` or `test` that belongs to it, unless the task says `concurrent`. Every method may be async, and may throw: that fails the client's part in
 * the round, not the run.
 */
export interface Trainer<R extends Results = Results> {
  /**
   * The shared parameters as they stand. Names, shapes and dtypes must be equal on all clients and in all rounds. fedloom
   * copies what it is given.
   */
  getModelParams(): ParamsLike | Promise<ParamsLike>;
  /** The arrays are the trainer's own from now on: it may keep them and train in place. */
  setModelParams(params: NamedTensors): void | Promise<void>;
  /** Trains on the client's own data, from the parameters that were last set. */
  train(context: TrainContext): TrainResult | Promise<TrainResult>;
  /** Tests the parameters that were last set. */
  test(context: TestContext): ClientResults<R> | Promise<ClientResults<R>>;
  /** Names of float parameters that are averaged but take no gradient, such as batch-norm statistics. Default none. */
  readonly buffers?: readonly string[];
  /** Its tests need the `state` that `train` returned: they wait until that has committed. Default false. */
  readonly keepsState?: boolean;
  /** Algorithms whose client terms `train` applies itself; others that have terms refuse this trainer. Default none. */
  readonly appliesTerms?: readonly string[];
  /** Frees what the trainer holds, when its process is done with the client. */
  close?(): void | Promise<void>;
}

export interface TrainContext {
  /** From 0. Where no rounds are common to all, as with `buffered`: how often this client was asked to train before. */
  readonly round: number;
  /** Aborts when the result is no longer wanted. */
  readonly signal: AbortSignal;
  /** The client's own stream for this round: draw from it alone, and the run can be repeated. */
  readonly random: RandomStream;
  /**
   * The model as the server sent it: equal to what `setModelParams` got, in arrays of its own. All tensors here are the
   * trainer's, copied when they are first read.
   */
  readonly globalModel: NamedTensors;
  /** The algorithm's tensors from the server, `slot/parameter`. */
  readonly broadcast: NamedTensors;
  /** The algorithm's hyper-parameters for this round. */
  readonly scalars: Readonly<Record<string, number>>;
  /**
   * What this client keeps: the algorithm's tensors, `slot/parameter`, and its own; empty before its first update that
   * counted.
   */
  readonly state: NamedTensors;
}

export interface TrainResult {
  /** Training samples: the client's weight in the mean. A whole number of at least 1. */
  readonly sampleCount: number;
  /** Optimiser steps taken. */
  readonly stepCount?: number;
  readonly meanLoss?: number;
  /** Facts that the algorithm asks for, such as `initialLoss`: the mean loss before training. */
  readonly facts?: Readonly<Record<string, number>>;
  /** The algorithm's uploads, `slot/parameter`; only for trainers that apply its terms. */
  readonly uploads?: NamedTensors;
  /** The client's next `state`, if this update counts. It outlives crashes as all private state does, and never travels. */
  readonly state?: NamedTensors;
}

/** `state` is empty on the server. */
export type TestContext = Pick<TrainContext, 'round' | 'signal' | 'random' | 'state'>;

/** As the command line gives it: a number, true or false where the text is one. */
export type TrainerSetting = string | number | boolean;

/**
 * Makes the trainer of one client, when its process first needs it; it is kept to the end, and so is its memory. A factory
 * that fedloom or a library brings may say more than a function of a task's author does.
 */
export interface TrainerFactory<R extends Results = Results> {
  (client: TrainerClient): Trainer<R> | Promise<Trainer<R>>;
  /** Of a task that does not say it. */
  readonly concurrent?: boolean | number;
  /** Of a task that has none. */
  readonly resultAggregator?: ResultAggregator<R>;
  /** Its trainers run no code of the user's in this process. */
  readonly ownProcesses?: boolean;
  /** Paths that `--set` can change, such as `args.lr`. */
  readonly settings?: readonly string[];
  /**
   * Files with its code that the task file does not import: a run is resumed where they are as they were.
   * @param folder of the task file
   */
  files?(folder: string): readonly string[];
  /** The same with one of these changed. @throws FedloomError for a value that it refuses */
  with?(path: string, value: TrainerSetting): TrainerFactory<R>;
}

/** For whom a task makes a trainer. */
export interface TrainerClient {
  /** 0-based place in the federation; -1 is the server's own trainer: initial model and held-out test. */
  readonly index: number;
  readonly clientId: string;
  /** Clients of the federation. */
  readonly clients: number;
  /** Clients that train in a round, and rounds: where this process decides on them, as the server and a simulation do. */
  readonly clientsPerRound?: number;
  readonly rounds?: number;
  readonly seed: number;
  /** The folder given as `--data`, where there is one; `{rank}` and `{index}` in it are the client's. */
  readonly dataDir?: string;
  /** Folder of the task file, where the command loaded one. */
  readonly folder?: string;
  /** Takes lines for people to read. Default: the standard error. */
  readonly log?: (line: string) => void;
}
