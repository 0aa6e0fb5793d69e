import { describe, expect, it } from 'vitest';
import { fedProx } from '../algorithms/fed-prox.js';
import { defineTask } from './define-task.js';
import { taskSummary } from './task-summary.js';
import { smallDefinition } from './testing/small-task.js';
import type { Trainer } from './trainer.js';

describe('taskSummary', () => {
  it('keeps every setting, as JSON', () => {
    const summary = taskSummary(defineTask({ ...smallDefinition(), algorithm: fedProx({ mu: 0.5 }) }));
    expect(JSON.parse(JSON.stringify(summary))).toEqual({
      name: 'small',
      kind: 'plan',
      algorithm: {
        name: 'fedProx',
        hyperparameters: { mu: 0.5 },
        citation: 'Li et al. 2020, arXiv 1812.06127',
        fold: 'mean',
      },
      data: smallDefinition().data.name,
      partition: 'iid',
      loss: 'softmaxCrossEntropy',
      metrics: ['accuracy'],
      training: {
        localEpochs: 1,
        batchSize: 10,
        shuffle: true,
        optimizer: {
          name: 'sgd',
          hyperparameters: { learningRate: 0.1, momentum: 0, weightDecay: 0, nesterov: false },
        },
      },
    });
  });

  it('has the bounds that the task sets', () => {
    const bounds = { updateNormMax: '10x', sampleCountMax: 500 };
    expect(taskSummary(defineTask({ ...smallDefinition(), bounds })).bounds).toEqual(bounds);
  });

  it('of a task with a trainer holds its name and algorithm', () => {
    const summary = taskSummary(defineTask({ name: 'own', trainer: () => ({}) as Trainer }));
    expect(summary).toMatchObject({ name: 'own', kind: 'trainer', algorithm: { name: 'fedAvg', hyperparameters: {} } });
    expect(summary.training).toBeUndefined();
  });
});
