import { expect, test } from 'vitest';
import { Graph } from '../graph.js';
import type { Conv2dOptions } from '../image-options.js';
import { type Case, checkCases, seededRandom } from '../testing/check-case.js';

/** Random sizes, strides and paddings: also padding wider than the kernel, and rows at the end that no window reaches. */
function randomCases(count: number): Case[] {
  const random = seededRandom(3);
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const cases: Case[] = [];
  while (cases.length < count) {
    const kernel = [between(1, 3), between(1, 3)] as const;
    const strides = [between(1, 3), between(1, 3)] as const;
    const padding = [between(0, 3), between(0, 3), between(0, 3), between(0, 3)] as const;
    const [height, width] = [between(1, 5), between(1, 5)];
    const [channels, filters] = [between(1, 2), between(1, 2)];
    if (height + padding[0] + padding[2] < kernel[0] || width + padding[1] + padding[3] < kernel[1]) continue;
    cases.push(convCase([channels, height, width], [filters, channels, ...kernel], { strides, padding }));
  }
  return cases;
}

/** The same with groups and dilations; with as many groups as channels each channel has filters of its own. */
function groupedCases(count: number): Case[] {
  const random = seededRandom(11);
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const cases: Case[] = [];
  while (cases.length < count) {
    const [groups, inGroup, filters] = [between(1, 3), between(1, 2), between(1, 2)];
    const kernel = [between(1, 3), between(1, 3)] as const;
    const [strides, dilations] = [[between(1, 2), between(1, 3)] as const, [between(1, 3), between(1, 2)] as const];
    const padding = [between(0, 2), between(0, 2), between(0, 2), between(0, 2)] as const;
    const [height, width] = [between(2, 5), between(2, 5)];
    const [vertical, horizontal] = [height + padding[0] + padding[2], width + padding[1] + padding[3]];
    if (vertical <= dilations[0] * (kernel[0] - 1) || horizontal <= dilations[1] * (kernel[1] - 1)) continue;
    const weights = [groups * filters, inGroup, ...kernel];
    cases.push(convCase([groups * inGroup, height, width], weights, { strides, padding, dilations, groups }));
  }
  return cases;
}

function convCase(image: readonly number[], weights: readonly number[], options: Conv2dOptions): Case {
  const { strides, padding, dilations = [1, 1], groups = 1 } = options;
  const parts = groups === 1 && String(dilations) === '1,1' ? '' : `, dilations [${dilations}], groups ${groups}`;
  return {
    name: `images [${image}], weights [${weights}], strides [${strides}], padding [${padding}]${parts}`,
    inputs: { x: { shape: ['batch', ...image] }, w: { shape: weights } },
    extents: { batch: 2 },
    build: (g, { x, w }) => g.conv2d(x!, w!, options),
  };
}

checkCases('conv2d', [
  ...randomCases(24),
  convCase([1, 7, 7], [2, 1, 5, 5], { strides: [1, 1], padding: [2, 2, 2, 2] }),
  convCase([2, 6, 6], [1, 2, 3, 3], { strides: [2, 2], padding: [1, 1, 1, 1] }),
  convCase([1, 7, 8], [1, 1, 2, 3], { strides: [3, 3], padding: [0, 0, 0, 0] }),
]);

checkCases('conv2d with groups and dilations', [
  ...groupedCases(24),
  convCase([3, 5, 5], [3, 1, 3, 3], { strides: [1, 1], padding: [1, 1, 1, 1], groups: 3 }),
  convCase([2, 6, 6], [4, 1, 3, 3], { strides: [2, 2], padding: [1, 1, 1, 1], groups: 2 }),
  convCase([1, 7, 7], [1, 1, 3, 3], { strides: [1, 1], padding: [2, 2, 2, 2], dilations: [2, 2] }),
]);

const options: Conv2dOptions = { strides: [2, 1], padding: [1, 0, 0, 1] };
const grouped: Conv2dOptions = { strides: [2, 1], padding: [2, 0, 0, 1], dilations: [2, 1], groups: 2 };

checkCases('the gradients of conv2d have gradients', [
  {
    name: 'conv2dInputGradient',
    inputs: { d: { shape: ['batch', 2, 3, 3] }, w: { shape: [2, 1, 2, 2] } },
    extents: { batch: 2 },
    build: (g, { d, w }) => g.conv2dInputGradient(d!, w!, options, [5, 3]),
  },
  {
    name: 'conv2dWeightGradient',
    inputs: { x: { shape: ['batch', 1, 5, 3] }, d: { shape: ['batch', 2, 3, 3] } },
    extents: { batch: 2 },
    build: (g, { x, d }) => g.conv2dWeightGradient(x!, d!, options, [2, 2]),
  },
  {
    name: 'conv2dInputGradient in groups',
    inputs: { d: { shape: ['batch', 4, 3, 3] }, w: { shape: [4, 1, 2, 2] } },
    extents: { batch: 2 },
    build: (g, { d, w }) => g.conv2dInputGradient(d!, w!, grouped, [5, 3]),
  },
  {
    name: 'conv2dWeightGradient in groups',
    inputs: { x: { shape: ['batch', 2, 5, 3] }, d: { shape: ['batch', 4, 3, 3] } },
    extents: { batch: 2 },
    build: (g, { x, d }) => g.conv2dWeightGradient(x!, d!, grouped, [2, 2]),
  },
]);

checkCases('conv2d with a bias a channel', [
  {
    name: 'added',
    inputs: { x: { shape: ['batch', 2, 4, 4] }, w: { shape: [3, 2, 3, 3] }, b: { shape: [3] } },
    extents: { batch: 2 },
    build: (g, { x, w, b }) =>
      g.add(g.conv2d(x!, w!, { strides: [1, 1], padding: [1, 1, 1, 1] }), g.reshape(b!, [3, 1, 1])),
  },
]);

test('shapes that do not fit are refused, naming the layer and both shapes', () => {
  const g = new Graph();
  const x = g.input('x', 'float32', ['batch', 3, 8, 8]);
  const w = g.input('w', 'float32', [4, 1, 5, 5]);
  const plain: Conv2dOptions = { strides: [1, 1], padding: [0, 0, 0, 0] };
  expect(() => g.scope('0.conv2d', () => g.conv2d(x, w, plain))).toThrow(
    /in 0\.conv2d: conv2d has weights for 1 channels, but the images have 3 \(given float32 \[batch, 3, 8, 8\] and float32 \[4, 1, 5, 5\]\)/,
  );
  const large = g.input('large', 'float32', [4, 3, 9, 9]);
  expect(() => g.conv2d(x, large, plain)).toThrow(/kernel larger than the padded image/);
  expect(() => g.conv2d(x, large, { strides: [0, 1], padding: [1, 1, 1, 1] })).toThrow(/strides of at least 1/);
  expect(() => g.conv2d(x, large, { strides: [1, 1], padding: [-1, 1, 1, 1] })).toThrow(/padding of at least 0/);
  expect(() => g.conv2d(x, w, { ...plain, groups: 2 })).toThrow(/cannot part 3 channels into 2 groups/);
  expect(() => g.conv2d(x, w, { ...plain, groups: 3 })).toThrow(/cannot part 4 filters into 3 groups/);
  expect(() => g.conv2d(x, w, { ...plain, groups: 0.5 })).toThrow(/at least 1 group/);
  expect(() => g.conv2d(x, w, { ...plain, dilations: [0, 1] })).toThrow(/dilations of at least 1/);
  expect(() => g.conv2d(x, w, { ...plain, groups: 1, dilations: [2, 2] })).toThrow(/weights for 1 channels/);
});
