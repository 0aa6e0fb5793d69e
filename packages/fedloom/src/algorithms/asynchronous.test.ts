import { describe, expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import type { CountedClient, ServerUpdateInput } from './algorithm.js';
import { fedAsync } from './fed-async.js';
import { fedBuff } from './fed-buff.js';

describeSuite(
  'algorithm fedBuff(serverLearningRate=0.5)',
  algorithmSuite(() => fedBuff({ serverLearningRate: 0.5 })),
);
describeSuite(
  'algorithm fedAsync(alpha=0.5)',
  algorithmSuite(() => fedAsync({ alpha: 0.5 })),
);

/** One scalar model, with the fold's weighted mean of the deltas. */
function input(w: number, updates: readonly { readonly delta: number; readonly weight: number }[]): ServerUpdateInput {
  const total = updates.reduce((sum, { weight }) => sum + weight, 0);
  const mean = updates.reduce((sum, { delta, weight }) => sum + weight * delta, 0) / total;
  const clients = updates.map(({ weight }, client): CountedClient => ({ client, weight, facts: {}, scalars: {} }));
  return {
    round: 0,
    model: new Map([['w', { dtype: 'float64', shape: [], data: Float64Array.of(w) }]]),
    state: new Map(),
    aggregate: new Map([['w', { dtype: 'float64', shape: [], data: Float64Array.of(mean) }]]),
    trained: new Set(['w']),
    clients,
    totalClients: 10,
  };
}
const value = (result: { readonly model: ReadonlyMap<string, { readonly data: ArrayLike<unknown> }> }) =>
  Number(result.model.get('w')?.data[0]);

describe('fedBuff', () => {
  it('takes the step of Algorithm 1: the sum of the weighted changes over K, not over their weights', () => {
    const algorithm = fedBuff({ bufferSize: 3, serverLearningRate: 0.5, exponent: 0.5 });
    const deltas = [2, -1, 4];
    const weights = [0, 3, 8].map((staleness) => algorithm.weight?.({ staleness }, {}) ?? Number.NaN);
    expect(weights).toEqual([1, 0.5, 1 / 3]);
    const updates = deltas.map((delta, i) => ({ delta, weight: weights[i] ?? Number.NaN }));
    const step = (2 * 1 - 1 * 0.5 + 4 / 3) / 3;
    expect(value(algorithm.server.update(input(10, updates)))).toBeCloseTo(10 + 0.5 * step, 12);
  });

  it('without staleness is the unweighted mean', () => {
    const updates = [1, 2, 6].map((delta) => ({ delta, weight: 1 }));
    expect(value(fedBuff().server.update(input(0, updates)))).toBe(3);
  });

  it('refuses buffers and stalenesses that are no whole numbers', () => {
    expect(() => fedBuff({ bufferSize: 0 })).toThrow(/bufferSize is 0; it must be a whole number of at least 1/);
    expect(() => fedBuff({ stalenessMax: -1 })).toThrow(/stalenessMax is -1/);
    expect(() => fedBuff({ exponent: -1 })).toThrow(/exponent is -1/);
  });
});

describe('fedAsync', () => {
  it('mixes the newest model with what the client trained: w <- (1 - a s) w + a s w_i', () => {
    const algorithm = fedAsync({ alpha: 0.6, exponent: 0.5 });
    const weight = algorithm.weight?.({ staleness: 3 }, {}) ?? Number.NaN;
    // The client trained 4 from an older model; against the newest, 10, that is a change of -6.
    const next = value(algorithm.server.update(input(10, [{ delta: -6, weight }])));
    expect(next).toBeCloseTo((1 - 0.3) * 10 + 0.3 * 4, 12);
    expect([algorithm.reference, algorithm.schedule?.bufferSize]).toEqual(['newest', 1]);
  });

  it('refuses a mixing weight above 1', () => {
    expect(() => fedAsync({ alpha: 1.5 })).toThrow(/alpha is 1.5; it must be a finite number .*at most 1/);
  });
});
