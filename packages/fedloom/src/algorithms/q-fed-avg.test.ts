import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAvg } from './fed-avg.js';
import { qFedAvg } from './q-fed-avg.js';
import { distance, expectClose } from './testing/expect-close.js';
import { referenceQFedAvg } from './testing/reference/q-fed-avg.js';
import { runAlgorithm } from './testing/run-algorithm.js';
import { type SmallFederation, smallFederation } from './testing/small-federation.js';
import { softmaxLoss } from './testing/softmax-regression.js';

const backend = onnxRuntimeNode();

describeSuite(
  'algorithm qFedAvg(q=0.5)',
  algorithmSuite(() => qFedAvg({ q: 0.5 })),
);

describe('qFedAvg', () => {
  it.each([0.2, 1, 5])('follows Algorithm 2 over five rounds at q = %f', async (q) => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, qFedAvg({ q }), federation, 5);
    const loss = (w: readonly number[], client: number) => softmaxLoss(federation, w, client);
    expectClose(run.w, referenceQFedAvg(federation, 5, q, loss), 1e-5);
  });

  it('at q = 0 is the unweighted mean, to the bit', async () => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, qFedAvg({ q: 0 }), federation, 4);
    const even = await runAlgorithm(backend, { ...fedAvg(), weight: () => 1 }, federation, 4);
    expect(run.w).toEqual(even.w);
  });

  it('makes the losses of the clients more alike, the larger q is', async () => {
    const everyone = smallFederation({ cohort: () => [0, 1, 2, 3, 4] });
    const spread = async (q: number) => {
      const { w } = await runAlgorithm(backend, qFedAvg({ q }), everyone, 60);
      const losses = everyone.clients.map((_, client) => softmaxLoss(everyone, w, client));
      return Math.max(...losses) - Math.min(...losses);
    };
    expect(await spread(2)).toBeLessThan(await spread(0));
  });

  it('walks less far where losses are high: h_k grows with them', async () => {
    const federation: SmallFederation = smallFederation();
    const walked = async (q: number) =>
      distance((await runAlgorithm(backend, qFedAvg({ q }), federation, 1)).w, federation.initial);
    expect(await walked(3)).toBeLessThan(await walked(0));
  });
});
