import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAvg } from './fed-avg.js';
import { scaffold } from './scaffold.js';
import { distance, expectClose } from './testing/expect-close.js';
import { minus, times, weightedMean } from './testing/reference/problem.js';
import { referenceScaffold } from './testing/reference/scaffold.js';
import { flatten, runAlgorithm, zeroed } from './testing/run-algorithm.js';
import { SAMPLES, type SmallFederation, smallFederation } from './testing/small-federation.js';

const backend = onnxRuntimeNode();
const everyone = () => [0, 1, 2, 3, 4];

describeSuite(
  'algorithm scaffold',
  algorithmSuite(() => scaffold()),
);
describeSuite(
  'algorithm scaffold(serverLearningRate=0.5, weighting=samples)',
  algorithmSuite(() => scaffold({ serverLearningRate: 0.5, weighting: 'samples' })),
);

describe('scaffold', () => {
  it.each([{}, { serverLearningRate: 0.5 }, { weighting: 'samples' as const }])(
    'follows Algorithm 1 with option II over six rounds: %o',
    async (options) => {
      const federation = smallFederation();
      const run = await runAlgorithm(backend, scaffold(options), federation, 6);
      const reference = referenceScaffold(federation, 6, options);
      expectClose(run.w, reference.x, 5e-6);
      expectClose(flatten(run.state, 'control/'), reference.c, 5e-6);
      for (const [client, state] of run.clientStates) {
        expectClose(flatten(state, 'control/'), reference.controls[client]!, 2e-5);
      }
    },
  );

  it('reads K eta off the learning rate that the round used', async () => {
    const federation = smallFederation({ learningRate: (round) => 0.2 / (round + 1) });
    const run = await runAlgorithm(backend, scaffold(), federation, 4);
    const reference = referenceScaffold(federation, 4);
    expectClose(run.w, reference.x, 5e-6);
    expectClose(flatten(run.state, 'control/'), reference.c, 2e-5);
  });

  it('with all control variates 0 and frozen is FedAvg to the bit', async () => {
    const federation = smallFederation();
    const frozen = await runAlgorithm(backend, scaffold({ weighting: 'samples' }), federation, 4, { freeze: zeroed });
    expect(frozen.w).toEqual((await runAlgorithm(backend, fedAvg(), federation, 4)).w);
  });

  it('when every client takes part each round, c is the mean of the c_i', async () => {
    const federation = smallFederation({ cohort: everyone });
    const run = await runAlgorithm(backend, scaffold(), federation, 5);
    const controls = everyone().map((client) => flatten(run.clientStates.get(client)!, 'control/'));
    const c = flatten(run.state, 'control/');
    expectClose(c, weightedMean(controls, [1, 1, 1, 1, 1]), 1e-6);
    expect(distance(c, times(0, c))).toBeGreaterThan(0.01);
  });

  it('folds every client’s change of c_i, not the last one alone, and in |S|/N parts', async () => {
    const federation = smallFederation({ cohort: () => [0, 3] });
    const run = await runAlgorithm(backend, scaffold(), federation, 1);
    const changes = [0, 3].map((client) => flatten(run.clientStates.get(client)!, 'control/'));
    const c = flatten(run.state, 'control/');
    expectClose(c, times(2 / SAMPLES.length, weightedMean(changes, [1, 1])), 1e-6);
    for (const last of changes) expect(distance(c, times(1 / SAMPLES.length, last))).toBeGreaterThan(0.01);
  });

  it('needs fewer rounds than FedAvg where clients differ and walk far', async () => {
    const far = smallFederation({ cohort: everyone, localEpochs: 10, batchSize: 'all', learningRate: () => 0.3 });
    const optimum = minimum(far);
    const drifted = await runAlgorithm(backend, fedAvgEven(), far, 40);
    const corrected = await runAlgorithm(backend, scaffold(), far, 40);
    expect(distance(corrected.w, optimum)).toBeLessThan(distance(drifted.w, optimum) / 2);
  });
});

/** Where gradient descent on the mean of the clients' losses ends. */
function minimum(federation: SmallFederation): readonly number[] {
  let w = federation.initial;
  for (let step = 0; step < 3000; step++) {
    const gradients = federation.clients.map(({ y }, client) =>
      federation.gradient(
        w,
        client,
        y.map((_, row) => row),
      ),
    );
    w = minus(w, times(0.5, weightedMean(gradients, [1, 1, 1, 1, 1])));
  }
  return w;
}

/** FedAvg with the weights of SCAFFOLD. */
function fedAvgEven() {
  return { ...fedAvg(), weight: () => 1 };
}
