import { expect, test } from 'vitest';
import { checkCases } from '../graph/testing/check-case.js';
import { evaluateGraph, floats } from '../testing/evaluate.js';
import { applied, testContext } from '../testing/layer-context.js';
import { attentionHeads, multiHeadAttention, scaledDotProductAttention } from './attention.js';
import { positionalEmbedding } from './positional-embedding.js';

const shape = ['batch', 2, 3, 4] as const;
checkCases('scaledDotProductAttention', [
  {
    name: 'of all positions',
    inputs: { query: { shape }, key: { shape: ['batch', 2, 5, 4] }, held: { shape: ['batch', 2, 5, 2] } },
    extents: { batch: 2 },
    build: (g, { query, key, held }) => scaledDotProductAttention(g, query!, key!, held!),
  },
  {
    name: 'of those that may be seen',
    inputs: { query: { shape }, key: { shape }, held: { shape } },
    extents: { batch: 2 },
    build(g, { query, key, held }) {
      const visible = g.greater(g.constant([1, 0, 1, 1, 1, 0, 0, 0, 1], 'float32', [3, 3]), 0);
      return scaledDotProductAttention(g, query!, key!, held!, visible);
    },
  },
]);

const values = (count: number, seed: number) => Array.from({ length: count }, (_, at) => Math.sin(seed + at));

function heads(count: number, causal: boolean, x: readonly number[]): readonly number[] {
  const layer = attentionHeads(count, { causal }).build([3, 12]);
  return evaluateGraph(
    [floats([1, 3, 12], x)],
    (g, [input]) => applied(layer, g, input!, new Map(), testContext(g, 1)).output,
  ).values;
}

test('attentionHeads is the weighted mean of values, head by head', () => {
  const x = values(36, 1);
  const at = (position: number, part: number, column: number) => x[position * 12 + part * 4 + column]!;
  const expected = [0, 1, 2].flatMap((position) =>
    [0, 1, 2, 3].map((column) => {
      const first = column < 2 ? 0 : 2;
      const products = [0, 1, 2].map((other) =>
        Math.exp(
          (at(position, 0, first) * at(other, 1, first) + at(position, 0, first + 1) * at(other, 1, first + 1)) /
            Math.SQRT2,
        ),
      );
      const total = products.reduce((sum, one) => sum + one, 0);
      return products.reduce((sum, one, other) => sum + (one / total) * at(other, 2, column), 0);
    }),
  );
  for (const [index, value] of heads(2, false, x).entries()) expect(value).toBeCloseTo(expected[index]!, 6);
});

test('a causal position does not depend on those after it', () => {
  const x = values(36, 2);
  const other = [...x.slice(0, 24), ...values(12, 9)];
  expect(heads(2, true, other).slice(0, 8)).toEqual(heads(2, true, x).slice(0, 8));
  expect(heads(2, true, other).slice(8)).not.toEqual(heads(2, true, x).slice(8));
  expect(heads(2, true, x).slice(0, 4)).toEqual(x.slice(8, 12).map(Math.fround));
});

test('multiHeadAttention has the names and shapes of torch.nn.MultiheadAttention', () => {
  const { parameters, outputShape } = multiHeadAttention(2).build([7, 6]);
  expect(outputShape).toEqual([7, 6]);
  expect(parameters.map(({ name, shape: extents }) => `${name} ${extents.join('x')}`)).toEqual([
    'in_proj_weight 18x6',
    'in_proj_bias 18',
    'out_proj.weight 6x6',
    'out_proj.bias 6',
  ]);
});

test('what does not go together is refused with both shapes', () => {
  expect(() => multiHeadAttention(4).build([7, 6])).toThrow(/multiHeadAttention\(4\).*width of 6.*4 heads.*\[7, 6\]/);
  expect(() => multiHeadAttention(2).build([6])).toThrow(/\[positions, width\].*\[6\].*embedding/);
  expect(() => attentionHeads(2).build([7, 8])).toThrow(/\[positions, 3 \* width\].*\[7, 8\]/);
  expect(() => attentionHeads(2, { dropout: 1 })).toThrow(/dropout is 1; it must be at least 0 and below 1/);
  expect(() => positionalEmbedding(4).build([5, 8])).toThrow(/at most 4 positions.*\[5, 8\]/);
});
