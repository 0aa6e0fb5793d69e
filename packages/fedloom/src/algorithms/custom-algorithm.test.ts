import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAvgM, fedDyn } from './testing/custom-algorithms.js';
import { distance, expectClose } from './testing/expect-close.js';
import { localSgd, minus, plus, type ReferenceProblem, times, weightedMean } from './testing/reference/problem.js';
import { runAlgorithm } from './testing/run-algorithm.js';
import { smallFederation } from './testing/small-federation.js';

const backend = onnxRuntimeNode();

describeSuite(
  'algorithm fedAvgM(serverLearningRate=0.5, momentum=0.9)',
  algorithmSuite(() => fedAvgM({ serverLearningRate: 0.5, momentum: 0.9 })),
);
describeSuite(
  'algorithm fedDyn(alpha=0.1)',
  algorithmSuite(() => fedDyn({ alpha: 0.1 })),
);

describe('an algorithm from outside', () => {
  it('fedDyn follows its Algorithm 1 over five rounds', async () => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, fedDyn({ alpha: 0.1 }), federation, 5);
    expectClose(run.w, referenceFedDyn(federation, 5, 0.1), 2e-5);
  });

  it('fedDyn keeps its client states apart: the server never sees them', async () => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, fedDyn({ alpha: 0.1 }), federation, 2);
    expect([...run.aggregate.keys()].sort()).toEqual(['0.bias', '0.weight']);
    expect([...run.clientStates.get(0)!.keys()].sort()).toEqual(['gradient/0.bias', 'gradient/0.weight']);
    expect(run.clientStates.get(0)).not.toEqual(run.clientStates.get(2));
  });

  it('fedAvgM gathers speed', async () => {
    const federation = smallFederation();
    const [still, moving] = [fedAvgM({ momentum: 0 }), fedAvgM({ momentum: 0.9 })];
    const first = [
      await runAlgorithm(backend, still, federation, 1),
      await runAlgorithm(backend, moving, federation, 1),
    ];
    expect(first[0]!.w).toEqual(first[1]!.w);
    const second = [
      await runAlgorithm(backend, still, federation, 2),
      await runAlgorithm(backend, moving, federation, 2),
    ];
    expect(distance(second[0]!.w, second[1]!.w)).toBeGreaterThan(1e-3);
  });
});

function referenceFedDyn(problem: ReferenceProblem, rounds: number, alpha: number): number[] {
  let w = [...problem.initial];
  let h = w.map(() => 0);
  const gradients = problem.clients.map(() => w.map(() => 0));
  for (let t = 0; t < rounds; t++) {
    const cohort = problem.cohort(t);
    const start = w;
    const trained = cohort.map((k) => {
      const own = gradients[k]!;
      const y = localSgd(problem, t, k, start, (v) => minus(times(alpha, minus(v, start)), own));
      gradients[k] = minus(own, times(alpha, minus(y, start)));
      return y;
    });
    const sum = trained.map((y) => minus(y, start)).reduce(plus);
    h = minus(h, times(alpha / problem.clients.length, sum));
    w = minus(
      weightedMean(
        trained,
        cohort.map(() => 1),
      ),
      times(1 / alpha, h),
    );
  }
  return w;
}
