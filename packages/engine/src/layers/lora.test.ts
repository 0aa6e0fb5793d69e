import { expect, test } from 'vitest';
import type { Tensor } from '../tensor.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { block } from './composites.js';
import { dense } from './dense.js';
import { lora } from './lora.js';
import { relu } from './relu.js';
import type { Layer } from './types.js';

const x = floats([2, 3], [1, -2, 0.5, 3, 1, -1]);

function outputs(layer: Layer, values: Readonly<Record<string, Tensor>>): readonly number[] {
  const built = layer.build([3]);
  const inputs = built.parameters.map(({ name }) => values[name]!);
  return evaluateGraph([x, ...inputs], (g, [input, ...rest]) => {
    const params = new Map(built.parameters.map(({ name }, at) => [name, rest[at]!]));
    return applied(built, g, input!, params, testContext(g, 2)).output;
  }).values;
}

const weight = floats([2, 3], [1, 2, 3, -1, 0, 1]);
const bias = floats([2], [0.5, -0.5]);
const a = floats([1, 3], [1, 0.5, -1]);

test('adds alpha / rank B A to the weights, which are frozen; B starts at zero', () => {
  const layer = lora(dense(2), { rank: 1, alpha: 4 });
  const { parameters } = layer.build([3]);
  expect(parameters.map(({ name, role, shape }) => [name, role, shape])).toEqual([
    ['weight', 'frozen', [2, 3]],
    ['bias', 'frozen', [2]],
    ['lora_A', 'trained', [1, 3]],
    ['lora_B', 'trained', [2, 1]],
  ]);
  const random = { next: () => 0.5, fill: (list: Float64Array) => list.fill(0.25) };
  expect(parameters.map(({ initialize }) => initialize(random)).at(-1)).toEqual(new Float32Array(2));
  expect(outputs(layer, { weight, bias, lora_A: a, lora_B: floats([2, 1], [0, 0]) })).toEqual(
    outputs(dense(2), { weight, bias }),
  );
  const merged = floats([2, 3], [1 + 8, 2 + 4, 3 - 8, -1 - 4, 0 - 2, 1 + 4]);
  expect(outputs(layer, { weight, bias, lora_A: a, lora_B: floats([2, 1], [2, -1]) })).toEqual(
    outputs(dense(2), { weight: merged, bias }),
  );
});

test('adapts each weight matrix of a block, by its name', () => {
  const layer = lora(block({ first: dense(4), relu: relu(), last: dense(2, { bias: false }) }), { rank: 2 });
  const trained = layer.build([3]).parameters.filter(({ role }) => role === 'trained');
  expect(trained.map(({ name, shape }) => `${name} ${shape.join('x')}`)).toEqual([
    'first.lora_A 2x3',
    'first.lora_B 4x2',
    'last.lora_A 2x4',
    'last.lora_B 2x2',
  ]);
});

test('refuses what it cannot adapt', () => {
  expect(() => lora(relu(), { rank: 1 }).build([3])).toThrow(/lora\(relu\) of rank 1 has no weight matrix: use frozen/);
  expect(() => lora(dense(2), { rank: 3 }).build([3])).toThrow(/rank 3 has weight of \[2, 3\]: choose a smaller rank/);
  expect(() => lora(dense(2), { rank: 0 })).toThrow(/rank is 0/);
  expect(() => lora(dense(2), { rank: 1, alpha: 0 })).toThrow(/alpha is 0/);
  expect(() => lora({} as never, { rank: 1 })).toThrow(/give what dense\(10\), say, returns/);
});
