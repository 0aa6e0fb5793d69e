import { describe, expect, test } from 'vitest';
import { runOptimizer } from '../testing/run-optimizer.js';
import { accumulated } from './accumulated.js';
import { adam } from './adam.js';
import { chain, clipByGlobalNorm } from './chain.js';
import { layerRates } from './layer-rates.js';
import { exponentialDecay, linearDecay, linearWarmup, scheduled } from './scheduled.js';
import { sgd } from './sgd.js';

const start = { 'body.weight': [1, -2], 'head.bias': [0.5], 'head.weight': [3] };
const gradients = [
  { 'body.weight': [3, 0], 'head.bias': [4], 'head.weight': [1] },
  { 'body.weight': [-0.5, 1], 'head.bias': [0], 'head.weight': [2] },
  { 'body.weight': [0.1, 0.2], 'head.bias': [-0.3], 'head.weight': [-1] },
  { 'body.weight': [1, 0.4], 'head.bias': [0.5], 'head.weight': [0.25] },
];
const mean = (a: number, b: number) => (a + b) / 2;
const halves = [0, 2].map((at) => {
  const [first, second] = [gradients[at]!, gradients[at + 1]!];
  return {
    'body.weight': first['body.weight'].map((value, k) => mean(value, second['body.weight'][k]!)),
    'head.bias': [mean(first['head.bias'][0]!, second['head.bias'][0]!)],
    'head.weight': [mean(first['head.weight'][0]!, second['head.weight'][0]!)],
  };
});

const close = (actual: Readonly<Record<string, readonly number[]>>, expected: typeof actual) => {
  for (const [name, list] of Object.entries(expected)) {
    for (const [at, value] of list.entries()) expect(actual[name]?.[at], `${name}[${at}]`).toBeCloseTo(value, 5);
  }
};

describe('layerRates', () => {
  test.each([sgd({ learningRate: 0.1, momentum: 0.5 }), adam({ learningRate: 0.1 })])(
    'gives each group the rate times its factor, the longest key first: $name',
    (optimizer) => {
      const slow = runOptimizer(optimizer.with!({ learningRate: 0.01 }), start, gradients);
      const usual = runOptimizer(optimizer, start, gradients);
      const fast = runOptimizer(optimizer.with!({ learningRate: 0.2 }), start, gradients);
      const mixed = runOptimizer(layerRates({ head: 0.1, 'head.bias': 2 }, optimizer), start, gradients);
      close(mixed, {
        'body.weight': usual['body.weight']!,
        'head.weight': slow['head.weight']!,
        'head.bias': fast['head.bias']!,
      });
    },
  );

  test('refuses a key that no parameter has, and a factor that is none', () => {
    const wrong = layerRates({ tail: 2 }, sgd({ learningRate: 0.1 }));
    expect(() => runOptimizer(wrong, start, gradients)).toThrow(
      /no trained parameter is named tail or begins with tail\.; there are body\.weight, head\.bias/,
    );
    expect(() => layerRates({ head: -1 }, sgd({ learningRate: 0.1 }))).toThrow(/factor of head is -1/);
    expect(() => layerRates({ head: 1 }, undefined as never)).toThrow(/layerRates: the optimiser is undefined/);
  });
});

describe('accumulated', () => {
  test.each([
    sgd({ learningRate: 0.1, momentum: 0.5 }),
    adam({ learningRate: 0.1 }),
    chain(clipByGlobalNorm(0.5), adam({ learningRate: 0.1 })),
  ])('steps with the mean of several gradients: $name', (optimizer) => {
    close(runOptimizer(accumulated(2, optimizer), start, gradients), runOptimizer(optimizer, start, halves));
    const left = runOptimizer(accumulated(3, optimizer), start, gradients.slice(0, 2));
    expect(left).toEqual(start);
    close(runOptimizer(accumulated(1, optimizer), start, gradients), runOptimizer(optimizer, start, gradients));
  });

  test('refuses less than a batch', () => {
    expect(() => accumulated(0, sgd({ learningRate: 1 }))).toThrow(
      expect.objectContaining({ code: 'optimizer.option', message: expect.stringMatching(/batches is 0/) }),
    );
  });
});

describe('scheduled', () => {
  const rate = { learningRate: 1 };
  const one = { w: [0] };
  const ones = Array.from({ length: 5 }, () => ({ w: [-1] }));
  const sum = (factors: readonly number[]) => factors.reduce((total, factor) => total + factor, 0);

  test.each([
    ['linearWarmup', linearWarmup(4), [0.25, 0.5, 0.75, 1, 1]],
    ['linearDecay', linearDecay(4), [1, 0.75, 0.5, 0.25, 0]],
    ['exponentialDecay', exponentialDecay(0.5), [1, 0.5, 0.25, 0.125, 0.0625]],
  ] as const)('multiplies the rate of each step: %s', (_, schedule, factors) => {
    close(runOptimizer(scheduled(schedule, sgd(rate)), one, ones), { w: [sum(factors)] });
  });

  test('keeps the settings of what is within, and their changes', () => {
    const optimizer = scheduled(linearWarmup(2), sgd({ learningRate: 1, momentum: 0.5 }));
    expect(optimizer.hyperparameters).toMatchObject({ learningRate: 1, momentum: 0.5 });
    expect(optimizer.with!({ learningRate: 2 }).learningRate).toBe(2);
    expect(scheduled(linearWarmup(2), sgd({ learningRate: (round) => 1 / (1 + round) })).learningRateOf?.(1)).toBe(0.5);
    expect(() => linearWarmup(0.5)).toThrow(/steps is 0.5/);
    expect(() => exponentialDecay(2)).toThrow(/at most 1/);
    expect(() => scheduled(3 as never, sgd(rate))).toThrow(/linearWarmup\(20\)/);
  });
});
