import { expect, test } from 'vitest';
import { runOptimizer } from '../testing/run-optimizer.js';
import { isPlainStep } from './plain-step.js';
import { type SgdOptions, sgd } from './sgd.js';

/** torch.optim.SGD, from its documentation. */
function torchSgd(
  { learningRate, momentum = 0, weightDecay = 0, nesterov = false }: SgdOptions & { readonly learningRate: number },
  start: number,
  gradients: readonly number[],
): number {
  let parameter = start;
  let velocity: number | undefined;
  for (const raw of gradients) {
    const gradient = raw + weightDecay * parameter;
    velocity = velocity === undefined ? gradient : momentum * velocity + gradient;
    const step = momentum === 0 ? gradient : nesterov ? gradient + momentum * velocity : velocity;
    parameter -= learningRate * step;
  }
  return parameter;
}

test.each([
  { learningRate: 0.1 },
  { learningRate: 0.1, weightDecay: 0.01 },
  { learningRate: 0.1, momentum: 0.9 },
  { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 },
  { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov: true },
])('%o agrees with torch.optim.SGD', (options) => {
  const gradients = [1, -0.5, 0.25, 2];
  // The settings become float32 constants of the graph.
  expect(
    runOptimizer(
      sgd(options),
      { w: [3] },
      gradients.map((one) => ({ w: [one] })),
    ).w?.[0],
  ).toBeCloseTo(torchSgd(options, 3, gradients), 6);
});

test('plain SGD is known as such, so that its update can be one addition', () => {
  expect(isPlainStep(sgd({ learningRate: 0.1 }))).toBe(true);
  expect(
    isPlainStep(sgd({ learningRate: 0.1 }).with?.({ learningRate: 1 }) ?? sgd({ learningRate: 1, momentum: 0.5 })),
  ).toBe(true);
  expect(isPlainStep(sgd({ learningRate: 0.1, weightDecay: 0.1 }))).toBe(false);
  expect(sgd({ learningRate: 0.1, momentum: 0.5 }).slots).toEqual(['momentum']);
});

test('says its settings, and is remade with some of them changed', () => {
  const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
  expect(optimizer.hyperparameters).toEqual({ learningRate: 0.1, momentum: 0.9, weightDecay: 0, nesterov: false });
  const changed = optimizer.with!({ learningRate: 0.5, nesterov: true });
  expect(changed.hyperparameters).toEqual({ learningRate: 0.5, momentum: 0.9, weightDecay: 0, nesterov: true });
  expect(optimizer.hyperparameters!.learningRate).toBe(0.1);
  expect(() => optimizer.with!({ beta: 1 })).toThrow(/no such setting.*learningRate, momentum/);
  expect(() => optimizer.with!({ toString: 1 })).toThrow(/no such setting/);
  expect(() => optimizer.with!({ momentum: true })).toThrow(/must be a number/);
});

test.each([
  { learningRate: -1 },
  { learningRate: Number.NaN },
  { learningRate: Number.POSITIVE_INFINITY },
  { learningRate: 1, momentum: 1 },
  { learningRate: 1, weightDecay: -0.1 },
  { learningRate: 1, nesterov: true },
])('refuses %o', (options) => {
  expect(() => sgd(options)).toThrow(expect.objectContaining({ code: 'optimizer.option' }));
});
