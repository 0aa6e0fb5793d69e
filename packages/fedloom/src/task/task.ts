import type { AnyMetric, Loss, Model, Optimizer, ShapedMetric } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import type { Results } from '../core/records.js';
import type { Dataset } from '../data/dataset.js';
import type { Partitioner } from '../data/partition.js';
import type { ResultAggregator } from './result-aggregator.js';
import type { TrainerFactory } from './trainer.js';

/** What a user writes: a model and a recipe that fedloom compiles, or training code of their own. */
export type TaskDefinition<R extends Results = Results> = PlanTaskDefinition | TrainerTaskDefinition<R>;

/** A task that compiles to a training plan. Clients need nothing but the plan and their data. */
export interface PlanTaskDefinition<Name extends string = string> {
  readonly name: string;
  /** Gives simulated clients their samples, and the server its held-out test. */
  readonly data: Dataset;
  /** How a simulation deals the data to clients; a real client has its own. Default `iid()`. */
  readonly partition?: Partitioner;
  readonly model: Model;
  readonly loss: Loss;
  /** Default none. The loss is always reported. Their names are those of the results; `Name` those that are numbers. */
  readonly metrics?: readonly AnyMetric<Name>[];
  readonly training: TrainingDefinition;
  /** Default `fedAvg()`. */
  readonly algorithm?: FederatedAlgorithm;
  /**
   * How fast a simulated client is beside the others, above 0: what it takes for a training is 1 / speed, give or take a fifth.
   * Counts only for algorithms that do not train in rounds, and there by a clock of its own. Default 1 for all.
   */
  readonly speed?: (client: number) => number;
  /** Default `meanResultAggregator`. */
  readonly resultAggregator?: ResultAggregator<Readonly<Record<string, number>>>;
  /** How large an update may be, and what it may claim, where the run's options do not say. */
  readonly bounds?: TaskBounds;
}

/** As the run's options of these names. */
export interface TaskBounds {
  /** `10x`, `25`, `10x,25`, `none` */
  readonly updateNormMax?: number | string;
  readonly sampleCountMax?: number | string;
}

/** The names of those metrics that are reported as numbers. */
export type NumberNames<Metrics extends readonly AnyMetric[]> = Exclude<Metrics[number], ShapedMetric>['name'];

/** A client's local training in one round. */
export interface TrainingDefinition {
  /** Passes over the client's samples: E. */
  readonly localEpochs: number;
  /** Samples a step: B. `all`: one step an epoch. A last, smaller batch trains too. */
  readonly batchSize: number | 'all';
  readonly optimizer: Optimizer;
  /** Draw a new order of the samples each epoch. Default true. */
  readonly shuffle?: boolean;
}

/** A task with training code of its own. Every process that hosts clients needs the task file. */
export interface TrainerTaskDefinition<R extends Results = Results> {
  readonly name: string;
  /** Makes the trainer of one client: a function of yours, or what `pythonTrainer` returns. */
  readonly trainer: TrainerFactory<R>;
  /**
   * Lets a process run jobs of several clients at a time, so many, or with `true` as many as it has workers: helps trainers
   * that wait for something outside. They must share nothing that they write to. Default false: one job at a time, from
   * `setModelParams` to `getModelParams`, so that trainers may share a model object.
   */
  readonly concurrent?: boolean | number;
  /** Default `fedAvg()`. */
  readonly algorithm?: FederatedAlgorithm;
  /**
   * How fast a simulated client is beside the others, above 0: what it takes for a training is 1 / speed, give or take a fifth.
   * Counts only for algorithms that do not train in rounds, and there by a clock of its own. Default 1 for all.
   */
  readonly speed?: (client: number) => number;
  /** Default `meanResultAggregator`. */
  readonly resultAggregator?: ResultAggregator<R>;
  /** How large an update may be, and what it may claim, where the run's options do not say. */
  readonly bounds?: TaskBounds;
}

/** A task as `defineTask` returns it: checked, frozen, defaults filled in. */
export type Task = PlanTask | TrainerTask;

export interface PlanTask<Name extends string = string> extends Required<PlanTaskDefinition<Name>> {
  readonly kind: 'plan';
  readonly training: Required<TrainingDefinition>;
}

export interface TrainerTask<R extends Results = Results> extends Required<TrainerTaskDefinition<R>> {
  readonly kind: 'trainer';
}
