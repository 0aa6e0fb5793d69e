import { sgd } from '@fedloom/engine';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { fedAvg } from '../algorithms/fed-avg.js';
import { scaffold } from '../algorithms/scaffold.js';
import { defineTask, isTask } from './define-task.js';
import { meanResultAggregator } from './mean-results.js';
import type { PlanTaskDefinition, TrainerTaskDefinition } from './task.js';
import { smallDefinition } from './testing/small-task.js';
import type { Trainer } from './trainer.js';

/** What someone without a type checker may write. */
const define = (changes: object) => () => defineTask({ ...smallDefinition(), ...changes } as PlanTaskDefinition);
const training = (changes: object) => define({ training: { ...smallDefinition().training, ...changes } });

describe('defineTask', () => {
  it('fills in the defaults and freezes', () => {
    const { metrics: _, ...definition } = smallDefinition();
    const task = defineTask(definition);
    expect(task.kind).toBe('plan');
    expect(task.algorithm.name).toBe('fedAvg');
    expect(task.partition.name).toBe('iid');
    expect(task.metrics).toEqual([]);
    expect(task.training.shuffle).toBe(true);
    expect(task.resultAggregator).toBe(meanResultAggregator);
    expect([task, task.training, task.metrics].every(Object.isFrozen)).toBe(true);
  });

  it('knows its own', () => {
    expect(isTask(defineTask(smallDefinition()))).toBe(true);
    expect(isTask(smallDefinition())).toBe(false);
    expect(isTask(undefined)).toBe(false);
  });

  it.each([
    [define({ name: 'my task' }), /^Task "my task": name is "my task"; it must be a short name/],
    [define({ model: undefined }), /^Task "small": model is missing; it must be a model, such as sequential/],
    [define({ loss: 'crossEntropy' }), /loss is "crossEntropy"; it must be a loss, such as softmaxCrossEntropy\(\)/],
    [define({ metrics: [1] }), /metrics\.0 is 1; it must be a metric, such as accuracy\(\)/],
    [
      define({ algorithm: fedAvg }),
      /algorithm is the function fedAvg, not called; it must be a federated algorithm, such as fedAvg\(\)/,
    ],
    [define({ algorithm: 'fedAvg' }), /algorithm is "fedAvg"; it must be a federated algorithm, such as fedAvg\(\)/],
    [define({ training: 3 }), /training is 3; it must be an object \{ localEpochs, batchSize, optimizer \}/],
    [training({ batchSize: 0 }), /training\.batchSize is 0; it must be a whole number of at least 1, or 'all'/],
    [training({ localEpochs: 1.5 }), /training\.localEpochs is 1\.5; it must be a whole number of at least 1/],
    [training({ optimizer: undefined }), /training\.optimizer is missing; it must be an optimizer, such as sgd/],
    [training({ shuffle: 1 }), /training\.shuffle is 1; it must be true or false/],
    [
      define({ bounds: { updateNormMax: 'ten' } }),
      /bounds\.updateNormMax is "ten"; it must be a number above 0, a multiple/,
    ],
    [define({ bounds: { normMax: 1 } }), /there is no field bounds\.normMax\./],
    [define({ optimiser: 1 }), /there is no field optimiser\. Known are name, data, /],
    [define({ metric: [] }), /there is no field metric\. Did you mean "metrics"\?/],
    [training({ batchsize: 4 }), /there is no field training\.batchsize\. Did you mean "batchSize"\?/],
  ])('names the field and how to mend it (%#)', (run, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: 'task.definition' }));
  });

  it('takes a task that is spread into another', () => {
    const task = defineTask(smallDefinition());
    const other = defineTask({ ...task, algorithm: scaffold() });
    expect(other.algorithm.name).toBe('scaffold');
    expect(other.kind).toBe('plan');
    expect({ ...other, algorithm: task.algorithm }).toEqual({ ...task });
  });

  it('lists every fault, one a line', () => {
    const run = define({ loss: 1, metrics: 2, colour: 3 });
    expect(run).toThrow(/^Task "small":\n {2}.*loss.*\n {2}.*metrics.*\n {2}.*colour/s);
  });

  it.each([undefined, null, 'mnist', 3])('refuses %o as a task', (task) => {
    expect(() => defineTask(task as unknown as PlanTaskDefinition)).toThrow(/defineTask got .*; give it an object/);
  });

  it('refuses an optimizer with memory where the algorithm needs plain SGD', () => {
    const momentum = { ...smallDefinition().training, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) };
    expect(define({ algorithm: scaffold(), training: momentum })).toThrow(
      /scaffold needs plain SGD on the clients, but training\.optimizer keeps momentum/,
    );
    expect(define({ training: momentum })).not.toThrow();
  });

  it('takes training code of one’s own, typed to its results', () => {
    const trainer = { test: () => ({ results: { accuracy: 1 }, sampleCount: 1 }) } as unknown as Trainer<{
      accuracy: number;
    }>;
    const task = defineTask({
      name: 'own',
      trainer: () => trainer,
      resultAggregator: {
        aggregate(_round, results) {
          const values = [...results.values()].map(({ results }) => results.accuracy);
          expectTypeOf(values).toEqualTypeOf<number[]>();
          return { accuracy: values.length };
        },
      },
    });
    expect(task.kind).toBe('trainer');
    expect(task.algorithm.name).toBe('fedAvg');
    expect(isTask(task)).toBe(true);
  });

  it('tells apart tasks with and without a trainer', () => {
    const mixed = { ...smallDefinition(), trainer: () => undefined } as unknown as TrainerTaskDefinition;
    expect(() => defineTask(mixed)).toThrow(/there is no field model in a task that has a trainer/);
    expect(() => defineTask({ name: 'own', trainer: {} } as unknown as TrainerTaskDefinition)).toThrow(
      /trainer is an object of another kind; it must be a function that makes the trainer of a client/,
    );
  });
});
