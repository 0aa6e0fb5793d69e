import { describe, expect, test } from 'vitest';
import { runOptimizer } from '../testing/run-optimizer.js';
import { adagrad } from './adagrad.js';
import { adam, adamW, yogi } from './adam.js';
import { chain, clipByGlobalNorm, clipByValue } from './chain.js';
import { defineGradientTransform, defineOptimizer } from './define.js';
import { rmsProp } from './rms-prop.js';
import { sgd } from './sgd.js';

const start = { a: [1, -2], b: [0.5] };
const gradients = [
  { a: [3, 0], b: [4] },
  { a: [-0.5, 1], b: [0] },
  { a: [0.1, 0.2], b: [-0.3] },
];

const close = (actual: Readonly<Record<string, readonly number[]>>, expected: typeof actual, digits = 5) => {
  for (const [name, list] of Object.entries(expected)) {
    for (const [at, value] of list.entries()) expect(actual[name]?.[at], `${name}[${at}]`).toBeCloseTo(value, digits);
  }
};

describe('chain', () => {
  test('clips all gradients together to their l2 norm', () => {
    const rate = { learningRate: 1 };
    const clipped = runOptimizer(chain(clipByGlobalNorm(1), sgd(rate)), start, gradients);
    const scaled = gradients.map(({ a, b }) => {
      const factor = 1 / Math.max(1, Math.hypot(...a, ...b));
      return { a: a.map((value) => value * factor), b: b.map((value) => value * factor) };
    });
    close(clipped, runOptimizer(sgd(rate), start, scaled));
  });

  test('clips each value; what is within the bound stays as it is', () => {
    const clipped = runOptimizer(chain(clipByValue(0.5), sgd({ learningRate: 1 })), start, gradients);
    close(clipped, { a: [1 - (0.5 - 0.5 + 0.1), -2 - (0 + 0.5 + 0.2)], b: [0.5 - (0.5 + 0 - 0.3)] });
    const wide = runOptimizer(
      chain(clipByValue(100), clipByGlobalNorm(100), adam({ learningRate: 0.1 })),
      start,
      gradients,
    );
    expect(wide).toEqual(runOptimizer(adam({ learningRate: 0.1 }), start, gradients));
  });

  test('keeps the slots of its links apart', () => {
    const summed = defineGradientTransform({
      name: 'sums',
      slots: ['first'],
      transform(g, { gradients: now, slots }) {
        const next = new Map(
          [...now].map(([name, gradient]) => [name, g.add(slots.get('first')!.get(name)!, gradient)]),
        );
        return { gradients: next, slots: new Map([['first', next]]) };
      },
    });
    const sums = gradients.map((_, step) => ({
      a: [0, 1].map((at) => gradients.slice(0, step + 1).reduce((sum, { a }) => sum + a[at]!, 0)),
      b: [gradients.slice(0, step + 1).reduce((sum, { b }) => sum + b[0]!, 0)],
    }));
    const optimizer = chain(summed, adam({ learningRate: 0.1 }));
    expect(optimizer.slots).toEqual(['link0.first', 'first', 'second']);
    close(runOptimizer(optimizer, start, gradients), runOptimizer(adam({ learningRate: 0.1 }), start, sums));
  });

  test('says what it is made of, and is remade with another learning rate', () => {
    const optimizer = chain(clipByGlobalNorm(2), adam({ learningRate: (round) => 0.1 / (round + 1) }));
    expect(optimizer.name).toBe('chain(clipByGlobalNorm, adam)');
    expect(optimizer.hyperparameters).toMatchObject({ learningRate: 0.1, 'clipByGlobalNorm.norm': 2 });
    expect(optimizer.learningRateOf?.(1)).toBe(0.05);
    expect(optimizer.with?.({ learningRate: 3 }).learningRate).toBe(3);
  });

  test('refuses what is no link', () => {
    expect(() => chain(adam({ learningRate: 1 }) as never, sgd({ learningRate: 1 }))).toThrow(
      /link 0 .* gradient transform/,
    );
    expect(() => chain(clipByValue(1) as never)).toThrow(/link 0 .* must be an optimizer/);
    expect(() => clipByGlobalNorm(0)).toThrow(/norm is 0; it must be a finite number above 0/);
  });
});

test('yogi as by hand', () => {
  const [rate, beta1, beta2, epsilon] = [0.1, 0.9, 0.99, 1e-3];
  let [x, first, second] = [1, 0, 0];
  const given = [3, -0.5, 0.1];
  for (const [step, gradient] of given.entries()) {
    first = beta1 * first + (1 - beta1) * gradient;
    second -= (1 - beta2) * Math.sign(second - gradient ** 2) * gradient ** 2;
    const deviation = Math.sqrt(second / (1 - beta2 ** (step + 1))) + epsilon;
    x -= (rate * (first / (1 - beta1 ** (step + 1)))) / deviation;
  }
  const optimizer = yogi({ learningRate: rate, beta1, beta2, epsilon });
  close(
    runOptimizer(
      optimizer,
      { x: [1] },
      given.map((one) => ({ x: [one] })),
    ),
    { x: [x] },
  );
});

test.each([
  ['adam', () => adam({ learningRate: 0.1, beta1: 1 }), /adam: beta1 is 1; it must be at least 0 and below 1/],
  ['adamW', () => adamW({ learningRate: 0.1, epsilon: 0 }), /adamW: epsilon is 0; it must be a finite number above 0/],
  [
    'rmsProp',
    () => rmsProp({ learningRate: -1 }),
    /rmsProp: learningRate is -1; it must be a finite number of at least 0/,
  ],
  ['adagrad', () => adagrad({ learningRate: 0.1, lr: 1 } as never), /adagrad: there is no setting lr/],
  [
    'a change',
    () => adam({ learningRate: 0.1 }).with?.({ beta3: 1 }),
    /adam: cannot set beta3 to 1: there is no such setting/,
  ],
  ['an update', () => defineOptimizer({ name: 'x', learningRate: 1, slots: [] } as never), /update is undefined/],
])('%s: settings that cannot be', (_, make, message) => {
  expect(make).toThrow(message);
});

test('a learning rate of zero and gradients of zero change nothing', () => {
  for (const make of [adam, adamW, yogi, rmsProp, adagrad]) {
    close(runOptimizer(make({ learningRate: 0 }), start, gradients), start);
    const still = gradients.map(() => ({ a: [0, 0], b: [0] }));
    if (make !== adamW) close(runOptimizer(make({ learningRate: 0.1 }), start, still), start);
  }
});
