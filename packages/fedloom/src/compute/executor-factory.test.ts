import { expect, it } from 'vitest';
import { defineTask } from '../task/define-task.js';
import { smallDefinition } from '../task/testing/small-task.js';
import { clientExecutor, planEvaluator } from './executor-factory.js';
import { threadPool } from './node/thread-pool.js';
import { PlanExecutor } from './plan-executor.js';
import { TrainerExecutor } from './trainer-executor.js';

const noPool = () => {
  throw new Error('nobody needs a pool here');
};
const trainers = defineTask({
  name: 'trainers',
  trainer: () => ({
    getModelParams: () => ({ w: new Float32Array(1) }),
    setModelParams() {},
    train: () => ({ sampleCount: 1 }),
    test: () => ({ results: {}, sampleCount: 0 }),
  }),
  concurrent: true,
});

it('makes executors of what a task needs: plans take a pool, trainers none', async () => {
  const own = clientExecutor(trainers, { pool: noPool, workers: 3 });
  expect(own).toBeInstanceOf(TrainerExecutor);
  expect(own.concurrency).toBe(3);
  expect(planEvaluator(trainers, noPool)).toBeUndefined();
  const plan = defineTask(smallDefinition());
  const pool = () => threadPool(1);
  const source = { open: async () => {}, train: () => Promise.reject(new Error('none')), test: () => undefined };
  const executors = [
    clientExecutor(plan, { pool, workers: 1 }),
    // A plan comes from the server: data are enough.
    clientExecutor(undefined, { pool, workers: 1, source }),
    planEvaluator(plan, pool),
  ];
  for (const executor of executors) {
    expect(executor).toBeInstanceOf(PlanExecutor);
    await executor?.close();
  }
  expect(() => clientExecutor(undefined, { pool: noPool, workers: 1 })).toThrow(
    expect.objectContaining({ code: 'client.no-data' }),
  );
});
