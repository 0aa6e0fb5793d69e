import { afterAll, expect } from 'vitest';
import type { GraphBackend } from '../backend.js';
import { sgd } from '../layers/sgd.js';
import { onnxRuntimeNode } from '../node/onnx-runtime-node.js';
import { batchOrder } from '../plan/batch-order.js';
import { buildPlanGraphs, compilePlan } from '../plan/compile.js';
import { decodePlan } from '../plan/encode.js';
import { initializeParameters } from '../plan/initialize.js';
import type { TrainJob, TrainResult } from '../plan/jobs.js';
import { PlanMemory } from '../plan/plan-memory.js';
import { PlanRunner, type PlanRunnerOptions } from '../plan/runner.js';
import type { PlanSource } from '../plan/source.js';
import { interpretedBackend } from './interpreted.js';
import { testRandom } from './random.js';
import { testSamples } from './recipes.js';

const runners: PlanRunner[] = [];
afterAll(() => Promise.all(runners.map((runner) => runner.release())));

export async function runnerFor(
  source: PlanSource,
  options: PlanRunnerOptions = {},
  wrap = (backend: GraphBackend) => backend,
): Promise<PlanRunner> {
  // Through the file, as a client gets it.
  const plan = decodePlan(compilePlan(source).bytes);
  // Whatever is compiled must be what a client foresees.
  const memory = new PlanMemory(plan);
  for (const kind of ['train', 'evaluate', 'finish'] as const) memory.check(kind, 7);
  const runner = await PlanRunner.create(wrap(onnxRuntimeNode()), plan, options);
  runners.push(runner);
  return runner;
}

export async function interpretedRunner(source: PlanSource): Promise<PlanRunner> {
  const plan = compilePlan(source);
  return PlanRunner.create(interpretedBackend(plan, buildPlanGraphs(source)), plan);
}

export function jobFor(source: PlanSource, sampleCount: number, seed = 1): TrainJob {
  const random = testRandom(seed);
  const parameters = initializeParameters(source.model, source.data, random);
  const { localEpochs, batchSize, shuffle = true } = source.training;
  return {
    parameters,
    ...testSamples(source.data, sampleCount, random),
    order: batchOrder(sampleCount, { localEpochs, batchSize, shuffle }, random),
  };
}

export function expectEqualResults(actual: TrainResult, expected: TrainResult): void {
  for (const part of ['parameters', 'upload', 'state'] as const) expect(actual[part]).toEqual(expected[part]);
  expect(actual.meanLoss).toBe(expected.meanLoss);
}

/** A clock that makes the runner think calls take so long that it makes them as short as they can be, or varies them. */
export function slowClock(millisecondsOfCall: (call: number) => number): () => number {
  let reading = 0;
  let time = 0;
  return () => {
    if (reading++ % 2 === 1) time += millisecondsOfCall(reading);
    return time;
  };
}

export const momentum = {
  localEpochs: 2,
  batchSize: 4,
  optimizer: sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 }),
};
