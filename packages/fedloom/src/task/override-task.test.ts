import { sgd } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { fedAdam } from '../algorithms/fed-adam.js';
import { fedProx } from '../algorithms/fed-prox.js';
import { scaffold } from '../algorithms/scaffold.js';
import { defineTask, isTask } from './define-task.js';
import { overrideTask, settablePaths } from './override-task.js';
import type { PlanTask, PlanTaskDefinition } from './task.js';
import { smallDefinition } from './testing/small-task.js';
import type { Trainer } from './trainer.js';

const planTask = (changes: Partial<PlanTaskDefinition> = {}) => defineTask({ ...smallDefinition(), ...changes });
const set = (task: PlanTask, path: string, text: string) => overrideTask(task, path, text) as PlanTask;

describe('overrideTask', () => {
  it('sets the training recipe', () => {
    expect(set(planTask(), 'training.batchSize', '16').training.batchSize).toBe(16);
    expect(set(planTask(), 'training.batchSize', 'all').training.batchSize).toBe('all');
    expect(set(planTask(), 'training.localEpochs', '5').training.localEpochs).toBe(5);
    expect(set(planTask(), 'training.shuffle', 'false').training.shuffle).toBe(false);
  });

  it('leaves the rest, and the task it was given, as they were', () => {
    const task = planTask();
    const changed = set(task, 'training.batchSize', '16');
    expect(isTask(changed)).toBe(true);
    expect(changed.training.optimizer).toBe(task.training.optimizer);
    expect(changed.model).toBe(task.model);
    expect(task.training.batchSize).toBe(10);
  });

  it('remakes the optimizer', () => {
    const task = planTask({
      training: { ...smallDefinition().training, optimizer: sgd({ learningRate: 0.1, momentum: 0.5 }) },
    });
    const { optimizer } = set(task, 'training.optimizer.learningRate', '1e-2').training;
    expect(optimizer.learningRate).toBe(0.01);
    expect(optimizer.hyperparameters).toMatchObject({ learningRate: 0.01, momentum: 0.5 });
  });

  it('remakes the algorithm, its terms included', () => {
    const prox = set(planTask({ algorithm: fedProx({ mu: 1 }) }), 'algorithm.mu', '0.25').algorithm;
    expect(prox.client?.terms?.scalars).toEqual({ mu: 0.25 });
    const adam = set(
      planTask({ algorithm: fedAdam({ serverLearningRate: 1, beta1: 0.5 }) }),
      'algorithm.tau',
      '0.1',
    ).algorithm;
    expect(adam.hyperparameters).toEqual({ serverLearningRate: 1, beta1: 0.5, beta2: 0.99, tau: 0.1 });
    const weighted = planTask({ algorithm: scaffold({ weighting: 'samples' }) });
    expect(set(weighted, 'algorithm.serverLearningRate', '0.5').algorithm.weight).toBeUndefined();
  });

  it('sets the algorithm of a task with a trainer', () => {
    const task = defineTask({ name: 'own', trainer: () => ({}) as Trainer, algorithm: fedProx({ mu: 1 }) });
    expect(settablePaths(task)).toEqual(['algorithm.mu']);
    expect(overrideTask(task, 'algorithm.mu', '2').algorithm.hyperparameters).toEqual({ mu: 2 });
  });

  it('lists what can be set, and guesses', () => {
    expect(settablePaths(planTask({ algorithm: fedProx({ mu: 1 }) }))).toEqual([
      'training.localEpochs',
      'training.batchSize',
      'training.shuffle',
      'training.optimizer.learningRate',
      'training.optimizer.momentum',
      'training.optimizer.weightDecay',
      'training.optimizer.nesterov',
      'algorithm.mu',
    ]);
    expect(() => overrideTask(planTask(), 'training.batchsize', '3')).toThrow(
      /^Task "small": cannot set training\.batchsize=3: there is no such setting\. Did you mean "training\.batchSize"\? These can be set: training\.localEpochs, /,
    );
    expect(() => overrideTask(planTask(), 'algorithm.mu', '3')).toThrow(/there is no such setting/);
    expect(() => overrideTask(planTask(), 'name', 'x')).toThrow(expect.objectContaining({ code: 'task.override' }));
  });

  it.each([
    ['training.batchSize', 'ten', /training\.batchSize=ten: the value must be a number/],
    ['training.batchSize', '', /the value must be a number/],
    ['training.batchSize', '0', /training\.batchSize is 0; it must be a whole number/],
    ['training.localEpochs', 'all', /training\.localEpochs is "all"; it must be a whole number/],
    ['training.optimizer.learningRate', '-1', /learningRate is -1/],
    ['training.optimizer.learningRate', 'true', /the value must be a number/],
    ['training.optimizer.nesterov', '1', /the value must be a boolean/],
    ['algorithm.mu', '-1', /fedProx: mu is -1; it must be/],
    ['algorithm.mu', 'true', /the value must be a number/],
    ['algorithm.mu', 'Infinity', /the value must be a number/],
  ])('refuses %s=%s and names the path', (path, text, message) => {
    const task = planTask({ algorithm: fedProx({ mu: 1 }) });
    expect(() => overrideTask(task, path, text)).toThrow(message);
    expect(() => overrideTask(task, path, text)).toThrow(`cannot set ${path}=${text}: `);
  });
});

it('says what overrideTask takes to who gives no task, or a value that is no text', () => {
  expect(() => Reflect.apply(overrideTask, undefined, [])).toThrow(/What was given is no task/);
  expect(() => Reflect.apply(overrideTask, undefined, [planTask(), 'training.batchSize', 10])).toThrow(/'10' for 10/);
});
