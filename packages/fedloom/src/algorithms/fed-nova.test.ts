import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAvg } from './fed-avg.js';
import { fedNova } from './fed-nova.js';
import { distance, expectClose } from './testing/expect-close.js';
import { referenceFedNova } from './testing/reference/fed-nova.js';
import { runAlgorithm } from './testing/run-algorithm.js';
import { smallFederation } from './testing/small-federation.js';

const backend = onnxRuntimeNode();

describeSuite(
  'algorithm fedNova(momentum=0.5)',
  algorithmSuite(() => fedNova({ momentum: 0.5 })),
);

describe('fedNova', () => {
  it('follows eq. (8) over five rounds, for clients of different numbers of steps', async () => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, fedNova(), federation, 5);
    expectClose(run.w, referenceFedNova(federation, 5), 4e-6);
    expect(distance(run.w, (await runAlgorithm(backend, fedAvg(), federation, 5)).w)).toBeGreaterThan(1e-3);
  });

  it('with equal steps is FedAvg', async () => {
    const federation = smallFederation({ batchSize: 'all' });
    const run = await runAlgorithm(backend, fedNova(), federation, 5);
    expectClose(run.w, (await runAlgorithm(backend, fedAvg(), federation, 5)).w, 1e-6);
  });

  it('with equal steps and momentum is FedAvg too: the norms cancel', async () => {
    const federation = smallFederation({ batchSize: 'all' });
    const run = await runAlgorithm(backend, fedNova({ momentum: 0.9 }), federation, 3);
    expectClose(run.w, (await runAlgorithm(backend, fedAvg(), federation, 3)).w, 1e-6);
  });

  it('counts a step of momentum as the gradients do in it', () => {
    // rho = 0.5, three steps: the last gradient counts 1, the one before 1.5, the first 1.75.
    const weight = fedNova({ momentum: 0.5 }).weight?.({ sampleCount: 17, stepCount: 3, staleness: 0 }, {});
    expect(weight).toBeCloseTo(17 / (1 + 1.5 + 1.75), 12);
  });

  it('refuses an update that tells of no steps', () => {
    expect(() => fedNova().weight?.({ sampleCount: 1, stepCount: 0 }, {})).toThrow(/tells of 0 steps/);
    expect(() => fedNova().weight?.({ sampleCount: 1 }, {})).toThrow(/lacks the fact "stepCount"/);
  });
});
