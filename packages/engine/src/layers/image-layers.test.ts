import { describe, expect, test } from 'vitest';
import { floats } from '../testing/evaluate.js';
import { appliedTo } from '../testing/layer-context.js';
import { testRandom } from '../testing/random.js';
import { adaptiveAveragePool2d } from './adaptive-average-pool2d.js';
import { convTranspose2d } from './conv-transpose2d.js';
import { conv2d } from './conv2d.js';
import { globalMaxPool2d } from './max-pool2d.js';
import type { Layer } from './types.js';
import { upsample2d } from './upsample2d.js';

const shapesOf = (layer: Layer, inputShape: readonly number[]) =>
  layer.build(inputShape).parameters.map(({ name, shape }) => [name, shape]);

describe('conv2d', () => {
  test('with as many groups as channels each channel has a filter of its own', () => {
    const x = floats([1, 2, 2, 2], [1, 2, 3, 4, 10, 20, 30, 40]);
    const weight = floats([2, 1, 2, 2], [1, 0, 0, 1, 0, 1, 1, 0]);
    expect(appliedTo(conv2d(2, { kernel: 2, groups: 2, bias: false }), x, [weight])).toEqual([5, 50]);
  });

  test('a dilated window leaves pixels out', () => {
    const x = floats([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const ones = floats([1, 1, 2, 2], [1, 1, 1, 1]);
    expect(appliedTo(conv2d(1, { kernel: 2, dilation: 2, bias: false }), x, [ones])).toEqual([20]);
  });

  test('same padding counts the pixels left out', () => {
    expect(conv2d(4, { kernel: 3, dilation: 2, padding: 'same' }).build([2, 9, 9]).outputShape).toEqual([4, 9, 9]);
  });

  test('weights are those of one group, and are drawn by their number', () => {
    const layer = conv2d(6, { kernel: 3, groups: 3 });
    expect(shapesOf(layer, [3, 9, 9])).toEqual([
      ['weight', [6, 1, 3, 3]],
      ['bias', [6]],
    ]);
    const drawn = layer.build([3, 9, 9]).parameters.flatMap(({ initialize }) => [...initialize(testRandom(3))]);
    const largest = Math.max(...drawn.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(1 / 3);
    expect(largest).toBeGreaterThan(0.3);
  });
});

describe('convTranspose2d', () => {
  test('each pixel puts down the kernel', () => {
    const x = floats([1, 1, 1, 2], [1, 10]);
    const weight = floats([1, 1, 2, 2], [1, 2, 3, 4]);
    const layer = convTranspose2d(1, { kernel: 2, stride: 2, bias: false });
    expect(appliedTo(layer, x, [weight])).toEqual([1, 2, 10, 20, 3, 4, 30, 40]);
    const overlapping = convTranspose2d(1, { kernel: 2 });
    expect(appliedTo(overlapping, x, [weight, floats([1], [100])])).toEqual([101, 112, 120, 103, 134, 140]);
  });

  test('shapes and parameters as in torch.nn.ConvTranspose2d', () => {
    const layer = convTranspose2d(6, { kernel: 3, stride: 2, padding: 1, outputPadding: 1, groups: 2 });
    expect(layer.build([4, 8, 5]).outputShape).toEqual([6, 16, 10]);
    expect(shapesOf(layer, [4, 8, 5])).toEqual([
      ['weight', [4, 3, 3, 3]],
      ['bias', [6]],
    ]);
  });
});

test('globalMaxPool2d is the largest value of each channel', () => {
  expect(appliedTo(globalMaxPool2d(), floats([1, 2, 2, 2], [1, 2, 3, -6, -1, -2, -3, -4]))).toEqual([3, -1]);
});

describe('adaptiveAveragePool2d', () => {
  const row = floats([1, 1, 1, 6], [6, 12, 0, 6, 30, 0]);

  test('windows of one size', () => {
    expect(appliedTo(adaptiveAveragePool2d([1, 3]), row)).toEqual([9, 3, 15]);
    expect(appliedTo(adaptiveAveragePool2d([1, 6]), row)).toEqual([6, 12, 0, 6, 30, 0]);
  });

  test('windows that overlap, as those of PyTorch', () => {
    expect(appliedTo(adaptiveAveragePool2d([1, 4]), row)).toEqual([9, 6, 18, 15]);
  });

  test('more windows than pixels repeat them', () => {
    expect(appliedTo(adaptiveAveragePool2d([1, 3]), floats([1, 1, 1, 2], [1, 3]))).toEqual([1, 2, 3]);
  });
});

describe('upsample2d', () => {
  const x = floats([1, 1, 2, 2], [0, 4, 8, 12]);

  test('nearest repeats each pixel', () => {
    expect(appliedTo(upsample2d([1, 2]), x)).toEqual([0, 0, 4, 4, 8, 8, 12, 12]);
  });

  test('bilinear goes evenly between the middles of pixels', () => {
    expect(appliedTo(upsample2d([1, 2], { mode: 'bilinear' }), x)).toEqual([0, 1, 3, 4, 8, 9, 11, 12]);
  });
});

test.each([
  [() => conv2d(4, { kernel: 3, groups: 3 }), /groups is 3, which does not divide the 4 filters/],
  [() => conv2d(4, { kernel: 3, groups: 0 }), /groups is 0; give a whole number of at least 1/],
  [() => conv2d(4, { kernel: 3, dilation: 0 }), /dilation is 0/],
  [() => convTranspose2d(4, { kernel: 3, stride: 2, outputPadding: 2 }), /outputPadding is 2; .* less than the stride/],
  [() => convTranspose2d(4, { kernel: 3, padding: -1 }), /padding is -1/],
  [() => convTranspose2d(4, { kernel: 3, depth: 1 } as never), /no setting depth/],
  [() => upsample2d(2, { mode: 'cubic' as never }), /mode is "cubic"; it must be 'nearest' or 'bilinear'/],
  [() => upsample2d(1.5), /scale is 1.5/],
  [() => adaptiveAveragePool2d([0, 2]), /size is 0/],
])('settings that cannot be are refused: %s', (make, message) => {
  expect(make).toThrow(expect.objectContaining({ code: 'layer.option' }));
  expect(make).toThrow(message);
});

test.each([
  [conv2d(4, { kernel: 3, groups: 2 }), [3, 8, 8], /\[a multiple of 2, height, width\], but gets \[3, 8, 8\]/],
  [conv2d(4, { kernel: 3, dilation: 4 }), [1, 8, 8], /at least 9/],
  [convTranspose2d(4, { kernel: 3, groups: 2 }), [3, 8, 8], /choose groups that divide the channels/],
  [convTranspose2d(4, { kernel: 2, padding: 1 }), [1, 1, 8], /choose less padding/],
  [upsample2d(2), [8, 8], /reshape\(\[1, 8, 8\]\)/],
  [adaptiveAveragePool2d(2), [64], /\[channels, height, width\]/],
  [globalMaxPool2d(), [64], /\[channels, height, width\]/],
])('inputs that do not fit are refused, with both shapes: %o', (layer, inputShape, message) => {
  expect(() => layer.build(inputShape)).toThrow(expect.objectContaining({ code: 'layer.shape' }));
  expect(() => layer.build(inputShape)).toThrow(message);
});
