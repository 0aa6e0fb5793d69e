import { expect, test } from 'vitest';
import { Graph } from '../graph/graph.js';
import { interpret } from '../reference/interpret.js';
import { floats } from '../testing/evaluate.js';
import { type SgdOptions, sgd } from './sgd.js';

/** Steps of one parameter with these gradients, through the optimiser's own graph. */
function run(
  options: SgdOptions & { readonly learningRate: number },
  start: number,
  gradients: readonly number[],
): number {
  const optimizer = sgd(options);
  let parameter = start;
  let slots = new Map(optimizer.slots.map((slot) => [slot, 0]));
  for (const gradient of gradients) {
    const g = new Graph();
    const scalar = (name: string) => g.input(name, 'float32', []);
    const scaled = optimizer.gradientScale === 'one' ? gradient : -options.learningRate * gradient;
    const result = optimizer.update(g, {
      parameter: scalar('parameter'),
      gradient: scalar('gradient'),
      learningRate: scalar('learningRate'),
      slots: new Map(optimizer.slots.map((slot) => [slot, scalar(slot)])),
    });
    g.output('parameter', result.parameter);
    for (const [slot, value] of result.slots) g.output(slot, value);
    const feeds = { parameter, gradient: scaled, learningRate: options.learningRate, ...Object.fromEntries(slots) };
    const results = interpret(
      g,
      new Map(
        Object.entries(feeds).map(([name, value]) => [
          name,
          { ...floats([], []), dtype: 'float64', data: Float64Array.of(value) },
        ]),
      ),
    );
    parameter = Number(results.get('parameter')!.data[0]);
    slots = new Map(optimizer.slots.map((slot) => [slot, Number(results.get(slot)!.data[0])]));
  }
  return parameter;
}

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
  expect(run(options, 3, gradients)).toBeCloseTo(torchSgd(options, 3, gradients), 6);
});

test('plain SGD takes its gradient times -learningRate, so that the update is one addition', () => {
  expect(sgd({ learningRate: 0.1 }).gradientScale).toBe('minus-learning-rate');
  expect(sgd({ learningRate: 0.1, weightDecay: 0.1 }).gradientScale).toBe('one');
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
