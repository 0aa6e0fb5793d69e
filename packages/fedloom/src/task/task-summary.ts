import type { Task, TaskBounds } from './task.js';

/** A task's names and settings, as JSON: what a run's record keeps of it. */
export interface TaskSummary {
  readonly name: string;
  readonly kind: Task['kind'];
  readonly algorithm: SummaryPart & { readonly citation: string; readonly fold: string };
  readonly bounds?: TaskBounds;
  readonly data?: string;
  readonly partition?: string;
  readonly loss?: string;
  readonly metrics?: readonly string[];
  readonly training?: {
    readonly localEpochs: number;
    readonly batchSize: number | 'all';
    readonly shuffle: boolean;
    readonly optimizer: SummaryPart;
  };
}

/** An algorithm or optimiser by its name and settings. */
export interface SummaryPart {
  readonly name: string;
  readonly hyperparameters: Readonly<Record<string, number | boolean>>;
}

export function taskSummary(task: Task): TaskSummary {
  const { name, kind } = task;
  const { citation, fold, hyperparameters = {} } = task.algorithm;
  const algorithm = { name: task.algorithm.name, hyperparameters, citation, fold: fold?.name ?? 'mean' };
  const bounds = Object.keys(task.bounds).length === 0 ? {} : { bounds: task.bounds };
  if (task.kind === 'trainer') return { name, kind, algorithm, ...bounds };
  const { localEpochs, batchSize, shuffle, optimizer } = task.training;
  return {
    name,
    kind,
    algorithm,
    ...bounds,
    data: task.data.name,
    partition: task.partition.name,
    loss: task.loss.name,
    metrics: task.metrics.map((metric) => metric.name),
    training: {
      localEpochs,
      batchSize,
      shuffle,
      optimizer: {
        name: optimizer.name,
        hyperparameters: optimizer.hyperparameters ?? { learningRate: optimizer.learningRate },
      },
    },
  };
}
