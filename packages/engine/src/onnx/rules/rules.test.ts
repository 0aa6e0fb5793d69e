import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph/gradients.js';
import { Graph } from '../../graph/graph.js';
import { expectClose, randomTensor, seededRandom } from '../../graph/testing/check-case.js';
import type { Value } from '../../graph/value.js';
import type { Dim } from '../../graph/value-type.js';
import { interpret } from '../../reference/interpret.js';
import type { DType, Tensor } from '../../tensor.js';
import { operators, rewrite } from '../testing/rewrite.js';
import { runOnnx } from '../testing/run-onnx.js';
import { rules } from './index.js';

interface RuleCase {
  /** The rule under test, which must apply, alone or after `helpers`. */
  readonly rule: string;
  readonly name: string;
  readonly helpers?: readonly string[];
  readonly inputs: Readonly<Record<string, readonly Dim[]>>;
  readonly dtypes?: Readonly<Record<string, DType>>;
  readonly build: (g: Graph, values: Readonly<Record<string, Value>>) => Value;
  /** Operators that are gone after it. */
  readonly gone?: readonly string[];
  /** True: a look-alike that the rule must leave alone. */
  readonly refused?: boolean;
}

const extents: Readonly<Record<string, number>> = { batch: 3, steps: 2, n: 5 };
const transposed = { transposeA: true };
const unpadded = { strides: [1, 1], padding: [0, 0, 0, 0] } as const;
const image = { strides: [1, 1], padding: [1, 1, 1, 1] } as const;

const cases: readonly RuleCase[] = [
  {
    rule: 'pointwise-input-gradient',
    name: 'of a 1x1 convolution',
    inputs: { d: ['batch', 3, 2, 4], w: [3, 2, 1, 1] },
    build: (g, { d, w }) => g.conv2dInputGradient(d!, w!, unpadded, [2, 4]),
    gone: ['ConvTranspose'],
  },
  {
    rule: 'pointwise-input-gradient',
    name: 'of one with padding',
    inputs: { d: ['batch', 3, 4, 6], w: [3, 2, 1, 1] },
    build: (g, { d, w }) => g.conv2dInputGradient(d!, w!, image, [2, 4]),
    refused: true,
  },
  {
    rule: 'pointwise-weight-gradient',
    name: 'of a 1x1 convolution',
    inputs: { x: ['batch', 2, 2, 4], d: ['batch', 3, 2, 4] },
    build: (g, { x, d }) => g.conv2dWeightGradient(x!, d!, unpadded, [1, 1]),
    gone: ['Conv'],
  },
  {
    rule: 'pointwise-weight-gradient',
    name: 'of a convolution with groups',
    inputs: { x: ['batch', 2, 2, 4], d: ['batch', 4, 2, 4] },
    build: (g, { x, d }) => g.conv2dWeightGradient(x!, d!, { ...unpadded, groups: 2 }, [1, 1]),
    refused: true,
  },
  {
    rule: 'pointwise-weight-gradient',
    name: 'of a larger window',
    inputs: { x: ['batch', 2, 2, 4], d: ['batch', 3, 2, 4] },
    build: (g, { x, d }) => g.conv2dWeightGradient(x!, d!, image, [3, 3]),
    refused: true,
  },
  {
    rule: 'sum-of-negated',
    name: 'over pixels',
    inputs: { x: ['batch', 2, 3] },
    build: (g, { x }) => g.sum(g.neg(x!), [0, 2]),
  },
  {
    rule: 'sum-of-negated',
    name: 'of what is used elsewhere too',
    inputs: { x: ['batch', 2] },
    build(g, { x }) {
      const negative = g.neg(x!);
      return g.add(g.sum(negative, [0]), negative);
    },
    refused: true,
  },
  {
    rule: 'doubled-product',
    name: 'of a channel’s number and its pixels',
    inputs: { x: ['batch', 2, 3], a: [2, 1] },
    build(g, { x, a }) {
      const product = g.mul(a!, x!);
      return g.add(product, product);
    },
  },
  {
    rule: 'doubled-product',
    name: 'of values of one shape',
    inputs: { x: ['batch', 2] },
    build(g, { x }) {
      const product = g.mul(x!, x!);
      return g.add(product, product);
    },
    refused: true,
  },
  {
    rule: 'drop-identity',
    name: 'a transpose that changes nothing',
    inputs: { x: ['batch', 2] },
    build: (g, { x }) => g.transpose(x!, [0, 1]),
    gone: ['Transpose'],
  },
  {
    rule: 'extent-from-input',
    name: 'the batch of an inner value',
    inputs: { x: ['batch', 2] },
    build: (g, { x }) => g.dim(g.exp(x!), 0),
    gone: ['Exp'],
  },
  {
    rule: 'merge-reshapes',
    name: 'two reshapes',
    inputs: { x: ['batch', 2, 3] },
    build: (g, { x }) => g.reshape(g.reshape(x!, ['batch', 6]), ['batch', 3, 2]),
  },
  {
    rule: 'merge-transposes',
    name: 'two transposes',
    inputs: { x: ['batch', 2, 3] },
    build: (g, { x }) => g.transpose(g.transpose(x!, [2, 0, 1]), [2, 1, 0]),
  },
  {
    rule: 'transpose-to-reshape',
    name: 'axes of extent 1',
    inputs: { x: [1, 'batch', 1, 3] },
    build: (g, { x }) => g.transpose(x!, [1, 2, 3, 0]),
    gone: ['Transpose'],
  },
  {
    rule: 'transpose-to-reshape',
    name: 'not when elements move',
    inputs: { x: [1, 'batch', 3] },
    build: (g, { x }) => g.transpose(x!, [0, 2, 1]),
    refused: true,
  },
  {
    rule: 'expand-into-broadcast',
    name: 'an operand expanded to the shape of the other',
    inputs: { x: [3], y: ['batch', 3] },
    build: (g, { x, y }) => g.mul(g.expand(x!, ['batch', 3]), y!),
    gone: ['Expand'],
  },
  {
    rule: 'expand-into-broadcast',
    name: 'not when nothing else has the shape',
    inputs: { x: [3], y: [1, 3], like: ['batch', 3] },
    build: (g, { x, y }) => g.mul(g.expand(x!, ['batch', 3]), y!),
    refused: true,
  },
  {
    rule: 'sum-dropping-axes',
    name: 'a sum whose kept axes are reshaped away',
    inputs: { x: ['batch', 2, 4] },
    build: (g, { x }) => g.reshape(g.sum(x!, [0, 2], true), [2]),
    gone: ['Reshape'],
  },
  {
    rule: 'negated-addend',
    name: 'a + -b',
    inputs: { a: ['batch', 2], b: [2] },
    build: (g, { a, b }) => g.add(g.neg(b!), a!),
    gone: ['Neg', 'Add'],
  },
  {
    rule: 'bias-update',
    name: 'b + sum of rows',
    inputs: { b: [4], d: ['batch', 4] },
    build: (g, { b, d }) => g.add(b!, g.sum(d!, [0])),
    gone: ['ReduceSum', 'Add'],
  },
  {
    rule: 'bias-update',
    name: 'b + sum of a fixed number of rows',
    inputs: { b: [1, 4], d: [3, 4] },
    build: (g, { b, d }) => g.add(g.sum(d!, [0], true), b!),
    gone: ['ReduceSum', 'Add'],
  },
  {
    rule: 'bias-update',
    name: 'not a sum of columns',
    inputs: { b: ['batch'], d: ['batch', 4] },
    build: (g, { b, d }) => g.add(b!, g.sum(d!, [1])),
    refused: true,
  },
  {
    rule: 'gemm-addend',
    name: 'a bias a column',
    inputs: { x: ['batch', 2], w: [2, 4], b: [4] },
    build: (g, { x, w, b }) => g.add(g.matmul(x!, w!), b!),
    gone: ['Add'],
  },
  {
    rule: 'gemm-addend',
    name: 'an updated weight',
    inputs: { d: ['batch', 4], x: ['batch', 2], w: [4, 2] },
    build: (g, { d, x, w }) => g.add(w!, g.matmul(d!, x!, transposed)),
    gone: ['Add'],
  },
  {
    rule: 'gemm-addend',
    name: 'a bias a row',
    inputs: { w: [4, 2], x: [2, 'batch'], b: [4, 1] },
    build: (g, { w, x, b }) => g.add(g.matmul(w!, x!), b!),
    gone: ['Add'],
  },
  {
    rule: 'gemm-addend',
    name: 'not an addend that the product broadcasts to',
    inputs: { x: ['batch', 2], w: [2, 4], b: [3, 'batch', 4] },
    build: (g, { x, w, b }) => g.add(g.matmul(x!, w!), b!),
    refused: true,
  },
  {
    rule: 'gemm-addend-shape',
    name: 'a bias that was given an axis',
    helpers: ['gemm-addend'],
    inputs: { x: ['batch', 2], w: [2, 4], b: [1, 4] },
    build: (g, { x, w, b }) => g.add(g.matmul(x!, w!), g.reshape(b!, [4])),
    gone: ['Reshape'],
  },
  {
    rule: 'gemm-beta',
    name: 'weight decay',
    helpers: ['gemm-addend'],
    inputs: { d: ['batch', 4], x: ['batch', 2], w: [4, 2] },
    build: (g, { d, x, w }) => g.add(g.matmul(d!, x!, transposed), g.mul(w!, 0.9)),
    gone: ['Add', 'Mul'],
  },
  {
    rule: 'scale-after-reshape',
    name: 'scaled pixels made flat',
    inputs: { x: ['batch', 2, 3], w: [6, 4] },
    build: (g, { x, w }) => g.matmul(g.reshape(g.mul(x!, 0.5), ['batch', 6]), w!),
  },
  {
    rule: 'gemm-alpha',
    name: 'a scale of either factor, forward and backward',
    helpers: ['gemm-addend'],
    inputs: { x: ['batch', 6], w: [4, 6] },
    build(g, { x, w }) {
      const y = g.matmul(g.mul(0.25, x!), w!, { transposeB: true });
      return g.add(w!, gradients(g.square(y), [w!])[0]!);
    },
  },
  {
    rule: 'gemm-alpha',
    name: 'not when the scaled value is used elsewhere too',
    inputs: { x: ['batch', 4], w: [4, 4] },
    build(g, { x, w }) {
      const scaled = g.mul(x!, 0.25);
      return g.add(g.exp(scaled), g.relu(g.matmul(scaled, w!)));
    },
    refused: true,
  },
  {
    rule: 'conv-bias',
    name: 'a bias a channel',
    inputs: { x: ['batch', 2, 4, 4], w: [3, 2, 3, 3], b: [3] },
    build: (g, { x, w, b }) => g.add(g.conv2d(x!, w!, image), g.reshape(b!, [3, 1, 1])),
    gone: ['Add'],
  },
  {
    rule: 'conv-bias',
    name: 'not a bias a pixel',
    inputs: { x: ['batch', 2, 4, 4], w: [4, 2, 3, 3], b: [4] },
    build: (g, { x, w, b }) => g.add(g.conv2d(x!, w!, image), b!),
    refused: true,
  },
  {
    rule: 'scalar-factors',
    name: 'two scalars, on either side',
    inputs: { x: ['batch', 3], a: [], b: [] },
    build: (g, { x, a, b }) => g.mul(b!, g.mul(a!, x!)),
  },
  {
    rule: 'scalar-factors',
    name: 'not when the inner product is used elsewhere too',
    inputs: { x: ['batch', 3], a: [], b: [] },
    build(g, { x, a, b }) {
      const scaled = g.mul(x!, a!);
      return g.add(scaled, g.mul(scaled, b!));
    },
    refused: true,
  },
  {
    rule: 'split-image-sum',
    name: 'a sum over images and pixels',
    inputs: { x: ['batch', 2, 3, 4] },
    build: (g, { x }) => g.sum(x!, [0, 2, 3]),
  },
  {
    rule: 'split-image-sum',
    name: 'with its axes kept',
    inputs: { x: ['batch', 2, 3, 4] },
    build: (g, { x }) => g.sum(x!, [0, 2, 3], true),
  },
  {
    rule: 'reshape-scanned-rows',
    name: 'rows that get an axis',
    inputs: { rows: ['steps', 'batch'], x: ['batch', 3] },
    build: (g, { rows, x }) =>
      g.loop(g.dim(rows!, 0), [x!], (body, step, [value]) => [
        body.mul(value!, body.reshape(body.gather(rows!, step), ['batch', 1])),
      ])[0]!,
  },
  {
    rule: 'reshape-scanned-rows',
    name: 'rows of fixed extent',
    inputs: { rows: ['steps', 6], x: [2, 3] },
    build: (g, { rows, x }) =>
      g.loop(g.dim(rows!, 0), [x!], (body, step, [value]) => [
        body.mul(value!, body.reshape(body.gather(rows!, step), [2, 3])),
      ])[0]!,
  },
  {
    rule: 'carry-reshaped',
    name: 'in a Scan',
    inputs: { rows: ['steps', 4], b: [4] },
    build: (g, { rows, b }) =>
      g.loop(g.dim(rows!, 0), [b!], (body, step, [value]) => [
        body.reshape(body.exp(body.neg(body.reshape(body.add(value!, body.gather(rows!, step)), [2, 2]))), [4]),
      ])[0]!,
  },
  {
    rule: 'carry-reshaped',
    name: 'in a Loop, the third of four values',
    inputs: { b: [4], c: [2] },
    build(g, { b, c }) {
      const results = g.loop(g.constant(3, 'int64'), [c!, c!, b!, c!], (body, step, values) => [
        values[1]!,
        body.add(values[0]!, body.cast(step, 'float32')),
        body.reshape(body.exp(body.neg(body.reshape(values[2]!, [2, 2]))), [4]),
        values[3]!,
      ]);
      return g.concat([...results], 0);
    },
  },
];

function build({ inputs, dtypes = {}, build: make }: RuleCase): { graph: Graph; feeds: Map<string, Tensor> } {
  const graph = new Graph();
  const random = seededRandom(2);
  const values: Record<string, Value> = {};
  const feeds = new Map<string, Tensor>();
  for (const [name, shape] of Object.entries(inputs)) {
    const dtype = dtypes[name] ?? 'float32';
    values[name] = graph.input(name, dtype, shape);
    const concrete = shape.map((dim) => (typeof dim === 'number' ? dim : extents[dim]!));
    feeds.set(name, randomTensor(dtype, concrete, random));
  }
  graph.output('result', make(graph, values));
  return { graph, feeds };
}

describe('each rewrite rule leaves the results equal', () => {
  for (const each of cases) {
    test(`${each.rule}: ${each.name}`, async () => {
      const { graph, feeds } = build(each);
      const chosen = rules.filter(({ name }) => name === each.rule || each.helpers?.includes(name));
      const { graph: rewritten, bytes, applied } = rewrite(graph, chosen);
      expect(applied.has(each.rule)).toBe(each.refused !== true);
      for (const op of each.gone ?? []) expect(operators(rewritten)).not.toContain(op);
      const expected = interpret(graph, feeds);
      expectClose(await runOnnx(bytes, feeds), expected, 2e-6);
      expectClose(await runOnnx(rewrite(graph, []).bytes, feeds), expected, 2e-6);
      expectClose(await runOnnx(rewrite(graph, rules).bytes, feeds), expected, 2e-6);
    });
  }
});

test('every rule has a case, here or in winograd.test.ts', () => {
  const covered = new Set(cases.filter(({ refused }) => refused !== true).map(({ rule }) => rule));
  const uncovered = rules.map(({ name }) => name).filter((name) => !covered.has(name));
  expect(uncovered).toEqual(['winograd-product', 'winograd-input-gradient', 'winograd-weight-gradient']);
});
