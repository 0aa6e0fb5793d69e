import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAvg } from './fed-avg.js';
import { fedAvgM } from './testing/custom-algorithms.js';
import { distance, expectClose } from './testing/expect-close.js';
import { referenceFedAvg } from './testing/reference/fed-avg.js';
import { localSgd, minus, times, weightedMean } from './testing/reference/problem.js';
import { runAlgorithm } from './testing/run-algorithm.js';
import { SAMPLES, smallFederation } from './testing/small-federation.js';
import { softmaxGradient } from './testing/softmax-regression.js';

const backend = onnxRuntimeNode();

describeSuite(
  'algorithm fedAvg',
  algorithmSuite(() => fedAvg()),
);

describe('fedAvg', () => {
  it('follows Algorithm 1 over five rounds', async () => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, fedAvg(), federation, 5);
    expectClose(run.w, referenceFedAvg(federation, 5), 2e-6);
  });

  it('with one epoch and one batch of all samples is one step of gradient descent on the pooled cohort', async () => {
    const federation = smallFederation({ localEpochs: 1, batchSize: 'all', cohort: () => [1, 3, 4] });
    const run = await runAlgorithm(backend, fedAvg(), federation, 1);

    const pooled = [1, 3, 4].map((client) => federation.clients[client]!);
    const data = { x: pooled.flatMap(({ x }) => x), y: pooled.flatMap(({ y }) => y) };
    const everyRow = data.y.map((_, row) => row);
    const gradient = softmaxGradient({ ...federation, clients: [data] }, federation.initial, 0, everyRow);
    expectClose(run.w, minus(federation.initial, times(federation.learningRate(0), gradient)), 1e-6);
  });

  it('weighs clients by their samples, not evenly', async () => {
    const federation = smallFederation({ cohort: () => [1, 4] });
    const run = await runAlgorithm(backend, fedAvg(), federation, 1);
    const models = [1, 4].map((client) => localSgd(federation, 0, client, federation.initial));
    expectClose(run.w, weightedMean(models, [SAMPLES[1], SAMPLES[4]]), 1e-6);
    expect(distance(run.w, weightedMean(models, [1, 1]))).toBeGreaterThan(1e-3);
  });

  it('is what a server with plain SGD at rate 1 computes, to the bit', async () => {
    const federation = smallFederation();
    const [plain, server] = [fedAvg(), fedAvgM({ serverLearningRate: 1, momentum: 0 })];
    const runs = await Promise.all([plain, server].map((algorithm) => runAlgorithm(backend, algorithm, federation, 4)));
    expect(runs[1]!.w).toEqual(runs[0]!.w);
  });
});
