import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAvg } from './fed-avg.js';
import { fedProx } from './fed-prox.js';
import { distance, expectClose } from './testing/expect-close.js';
import { referenceFedProx } from './testing/reference/fed-prox.js';
import { runAlgorithm } from './testing/run-algorithm.js';
import { smallFederation } from './testing/small-federation.js';

const backend = onnxRuntimeNode();

describeSuite(
  'algorithm fedProx(mu=0.3)',
  algorithmSuite(() => fedProx({ mu: 0.3 })),
);

describe('fedProx', () => {
  it.each([0.01, 1])('follows Algorithm 2 over five rounds at mu = %f', async (mu) => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, fedProx({ mu }), federation, 5);
    expectClose(run.w, referenceFedProx(federation, 5, mu), 2e-6);
  });

  it('at mu = 0 is FedAvg to the bit', async () => {
    const federation = smallFederation();
    const plain = await runAlgorithm(backend, fedAvg(), federation, 4);
    const proximal = await runAlgorithm(backend, fedProx({ mu: 0 }), federation, 4);
    expect(proximal.w).toEqual(plain.w);
  });

  it('holds clients nearer to the global model, the larger mu is', async () => {
    const federation = smallFederation({ localEpochs: 8 });
    const moved: number[] = [];
    for (const mu of [0, 1, 4]) {
      const run = await runAlgorithm(backend, fedProx({ mu }), federation, 1);
      moved.push(distance(run.w, federation.initial));
    }
    expect(moved).toEqual([...moved].sort((a, b) => b - a));
  });

  it('takes mu from the round, so that the server can change it', async () => {
    const federation = smallFederation();
    const scalars = () => ({ learningRate: federation.learningRate(0), mu: 1 });
    const changed = await runAlgorithm(backend, fedProx({ mu: 0 }), federation, 2, { scalars });
    const fixed = await runAlgorithm(backend, fedProx({ mu: 1 }), federation, 2);
    expect(changed.w).toEqual(fixed.w);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses mu = %f', (mu) => {
    expect(() => fedProx({ mu })).toThrow(/fedProx: mu is .*; it must be a finite number of at least 0/);
  });
});
