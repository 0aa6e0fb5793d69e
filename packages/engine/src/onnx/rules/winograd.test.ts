import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph/gradients.js';
import { Graph } from '../../graph/graph.js';
import type { Conv2dOptions } from '../../graph/image-options.js';
import { expectClose, randomTensor, seededRandom } from '../../graph/testing/check-case.js';
import { readGraph } from '../../plan/check-onnx.js';
import { graphMemory } from '../../plan/graph-memory.js';
import { interpret } from '../../reference/interpret.js';
import { toOnnx } from '../serialize.js';
import { operators, rewrite } from '../testing/rewrite.js';
import { runGraph } from '../testing/run-onnx.js';
import { rules } from './index.js';

interface Shapes {
  readonly image: readonly [number, number, number];
  readonly filters: number;
  readonly options?: Partial<Conv2dOptions>;
  readonly kernel?: number;
  readonly trained?: boolean;
}

/** y = conv(x, w), and where it is trained the gradients of a weighted sum of y by x and w. */
function convolution({ image, filters, options, kernel = 3, trained = true }: Shapes): Graph {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', ...image]);
  const w = g.input('w', 'float32', [filters, image[0] / (options?.groups ?? 1), kernel, kernel]);
  const y = g.conv2d(x, w, { strides: [1, 1], padding: [1, 1, 1, 1], ...options });
  g.output('y', y);
  if (!trained) return g;
  const [dx, dw] = gradients(y, [x, w], g.input('seed', 'float32', y.shape));
  for (const [name, value] of Object.entries({ dx, dw })) if (value !== undefined) g.output(name, value);
  return g;
}

const convolutions = (graph: Graph) =>
  operators(rewrite(graph, rules).graph).filter((op) => op === 'Conv' || op === 'ConvTranspose');

describe.each([
  ['tiles that fit', { image: [32, 8, 8], filters: 40 }],
  ['one tile', { image: [32, 4, 4], filters: 32 }],
  ['tiles that stand over', { image: [32, 7, 10], filters: 32 }],
  ['no padding', { image: [32, 9, 6], filters: 32, options: { padding: [0, 0, 0, 0] } }],
  ['uneven padding', { image: [33, 6, 7], filters: 34, options: { padding: [2, 0, 0, 1] } }],
  ['tiles of a wider kernel', { image: [32, 14, 14], filters: 40, kernel: 5, options: { padding: [2, 2, 2, 2] } }],
  ['one such tile', { image: [32, 8, 8], filters: 32, kernel: 5, options: { padding: [0, 0, 0, 0] } }],
  ['uneven padding of such', { image: [33, 9, 7], filters: 34, kernel: 5, options: { padding: [2, 0, 3, 1] } }],
] as readonly (readonly [string, Shapes])[])('a trained convolution over %s', (_, shapes) => {
  test('is products alone, and equals the plain one and its gradients', async () => {
    const graph = convolution(shapes);
    expect(convolutions(graph)).toEqual([]);
    const random = seededRandom(5);
    const batch = 3;
    const feeds = new Map(
      [...graph.inputs].map(([name, { shape }]) => [
        name,
        randomTensor(
          'float32',
          [...shape].map((extent) => (extent === 'batch' ? batch : Number(extent))),
          random,
        ),
      ]),
    );
    const actual = await runGraph(graph, feeds);
    expectClose(actual, interpret(graph, feeds));
    // What a reader of the file expects of its memory.
    const { outputs } = graphMemory(readGraph('train', toOnnx(graph)), { batch });
    const shapesOf = (tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>) =>
      Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapesOf(outputs)).toEqual(shapesOf(actual));
  });
});

test.each([
  ['that nobody trains', { image: [32, 8, 8], filters: 32, trained: false }, ['Conv']],
  ['of few channels', { image: [3, 8, 8], filters: 64 }, ['Conv', 'Conv', 'ConvTranspose']],
  ['of few filters', { image: [64, 8, 8], filters: 8 }, ['Conv', 'Conv', 'ConvTranspose']],
  [
    'with a stride',
    { image: [32, 8, 8], filters: 32, options: { strides: [2, 2] } },
    ['Conv', 'Conv', 'ConvTranspose'],
  ],
  ['in groups', { image: [64, 8, 8], filters: 64, options: { groups: 2 } }, ['Conv', 'Conv', 'ConvTranspose']],
  [
    'with a dilation',
    { image: [32, 8, 8], filters: 32, options: { dilations: [2, 2] } },
    ['Conv', 'Conv', 'ConvTranspose'],
  ],
  ['of another kernel', { image: [32, 8, 8], filters: 32, kernel: 2 }, ['Conv', 'Conv', 'ConvTranspose']],
  ['of pictures that fill no tile', { image: [32, 2, 2], filters: 32 }, ['Conv', 'Conv', 'ConvTranspose']],
] as readonly (readonly [string, Shapes, readonly string[]])[])('a convolution %s stays one', (_, shapes, expected) => {
  expect(convolutions(convolution(shapes)).sort()).toEqual(expected);
});

test('what becomes of pictures, gradients and weights is computed once', () => {
  const { graph, applied } = rewrite(convolution({ image: [32, 8, 8], filters: 32 }), rules);
  const ops = operators(graph);
  expect([...applied].filter((name) => name.startsWith('winograd-'))).toHaveLength(3);
  const count = (op: string) => ops.filter((one) => one === op).length;
  expect(count('MatMul')).toBe(3);
  // Two for each of x, the gradient, y and dx, one for the weights each way.
  expect(count('Gemm')).toBe(10);
});
