import type { Value } from '../../graph/value.js';
import { extentOf, type Rule, type Step, Unsupported } from '../entries.js';
import { asImages, fourPads, spatialPair } from '../windows.js';

const conv: Rule = (step) => {
  const { g } = step;
  const [x, weight] = [step.value(0), step.value(1)];
  const [images, kernels] = [asImages(g, x), asImages(g, weight)];
  const [height, width] = spatialPair(step, 'kernel_shape', [extentOf(kernels, 2), extentOf(kernels, 3)]);
  const dilations = spatialPair(step, 'dilations', [1, 1]);
  const strides = spatialPair(step, 'strides', [1, 1]);
  const padding = fourPads(step, images, [dilations[0] * (height - 1) + 1, dilations[1] * (width - 1) + 1], strides);
  const groups = step.integer('group', 1);
  return [withBias(step, x, g.conv2d(images, kernels, { strides, padding, dilations, groups }))];
};

/** What a convolution from the output to the input would give back to its images. */
const convTranspose: Rule = (step) => {
  const { g } = step;
  if (step.node.attributes.has('output_shape')) throw new Unsupported('has an output_shape');
  if (step.text('auto_pad', 'NOTSET').startsWith('SAME')) throw new Unsupported('has automatic padding');
  const [x, weight] = [step.value(0), step.value(1)];
  const [images, kernels] = [asImages(g, x), asImages(g, weight)];
  const kernel = [extentOf(kernels, 2), extentOf(kernels, 3)] as const;
  const dilations = spatialPair(step, 'dilations', [1, 1]);
  const strides = spatialPair(step, 'strides', [1, 1]);
  const more = spatialPair(step, 'output_padding', [0, 0], 0);
  const padding = fourPads(step, images, kernel, strides);
  const grown = (axis: 0 | 1) =>
    (extentOf(images, axis + 2) - 1) * strides[axis] +
    dilations[axis] * (kernel[axis] - 1) +
    (more[axis] + 1 - padding[axis] - padding[axis + 2]!);
  const windows = { strides, padding, dilations, groups: step.integer('group', 1) };
  return [withBias(step, x, g.conv2dInputGradient(images, kernels, windows, [grown(0), grown(1)]))];
};

/** With a bias for each channel, in as many dimensions as the input has. */
function withBias(step: Step, x: Value, images: Value): Value {
  const { g } = step;
  const bias = step.has(2) ? step.value(2) : undefined;
  const sum = bias === undefined ? images : g.add(images, g.reshape(bias, [bias.shape[0] ?? 1, 1, 1]));
  return x.shape.length === 4
    ? sum
    : g.reshape(
        sum,
        sum.shape.filter((_, axis) => axis !== 2),
      );
}

export const convolutions: Readonly<Record<string, Rule>> = { Conv: conv, ConvTranspose: convTranspose };
