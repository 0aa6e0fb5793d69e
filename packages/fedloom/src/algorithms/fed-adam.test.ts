import { readFileSync } from 'node:fs';
import type { Tensor } from '@fedloom/engine';
import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedAdam } from './fed-adam.js';
import { expectClose } from './testing/expect-close.js';
import { referenceFedAdam } from './testing/reference/fed-adam.js';
import { runAlgorithm } from './testing/run-algorithm.js';
import { smallFederation } from './testing/small-federation.js';

const backend = onnxRuntimeNode();
const goldens = JSON.parse(
  readFileSync(new URL('../../../../tools/goldens/data/fedopt.json', import.meta.url), 'utf8'),
) as Goldens;

describeSuite(
  'algorithm fedAdam(serverLearningRate=0.1)',
  algorithmSuite(() => fedAdam({ serverLearningRate: 0.1 })),
);

describe('fedAdam', () => {
  it.each([
    { serverLearningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 1e-3 },
    { serverLearningRate: 0.03, beta1: 0, beta2: 0.5, tau: 0.1 },
  ])('follows Algorithm 2 over six rounds: %o', async (settings) => {
    const federation = smallFederation();
    const run = await runAlgorithm(backend, fedAdam(settings), federation, 6);
    expectClose(run.w, referenceFedAdam(federation, 6, settings), 1e-5);
  });

  it('agrees with the golden vectors to 1e-12, moments included', () => {
    for (const { initial, rounds, serverLearningRate, beta1, beta2, tau } of goldens.cases) {
      const { server } = fedAdam({ serverLearningRate, beta1, beta2, tau });
      let model = new Map([['w', float64(initial)]]);
      // The vectors start from v = 0, not tau^2.
      let state = new Map([
        ['m/w', float64(initial.map(() => 0))],
        ['v/w', float64(initial.map(() => 0))],
      ]);
      for (const [round, { delta, m, v, x }] of rounds.entries()) {
        const aggregate = new Map([['w', float64(delta)]]);
        const others = { clients: [], totalClients: 2, trained: new Set(['w']) };
        ({ model, state } = server.update({ round, model, state, aggregate, ...others }));
        expectClose(numbers(model.get('w')!), x, 1e-12);
        expectClose(numbers(state.get('m/w')!), m, 1e-12);
        expectClose(numbers(state.get('v/w')!), v, 1e-12);
      }
    }
  });

  it("has the paper's defaults", () => {
    expect(fedAdam({ serverLearningRate: 0.1 }).hyperparameters).toEqual({
      serverLearningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      tau: 1e-3,
    });
  });

  it('starts its second moment at tau^2, in float64', () => {
    const model = new Map([['w', { dtype: 'float32' as const, shape: [1], data: Float32Array.of(3) }]]);
    const state = fedAdam({ serverLearningRate: 0.1, tau: 0.01 }).server.initialize(model, new Set(['w']));
    expect(state.get('v/w')).toEqual({ dtype: 'float64', shape: [1], data: Float64Array.of(0.01 ** 2) });
    expect(state.get('m/w')).toEqual({ dtype: 'float64', shape: [1], data: Float64Array.of(0) });
  });

  it.each([
    [{ serverLearningRate: 0 }, /serverLearningRate is 0; it must be a finite number above 0/],
    [{ serverLearningRate: 0.1, beta1: 1 }, /beta1 is 1; it must be a finite number of at least 0 and below 1/],
    [{ serverLearningRate: 0.1, tau: -1 }, /tau is -1/],
  ])('refuses %o', (settings, message) => {
    expect(() => fedAdam(settings)).toThrow(message);
  });
});

interface Goldens {
  readonly cases: readonly {
    readonly serverLearningRate: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly tau: number;
    readonly initial: readonly number[];
    readonly rounds: readonly { readonly [name in 'delta' | 'm' | 'v' | 'x']: readonly number[] }[];
  }[];
}

function float64(values: readonly number[]): Tensor {
  return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
}

function numbers({ data }: Tensor): number[] {
  return [...(data as Float64Array)];
}
