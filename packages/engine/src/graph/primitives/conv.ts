import type { Attributes } from '../../onnx/ir.js';
import { type Dense, dense } from '../../reference/dense.js';
import type { Conv2dOptions } from '../image-options.js';
import { fixedExtent, sameShape } from '../shapes.js';
import type { Primitive, Value } from '../value.js';
import { isFloat, type ProblemFactory, type ValueType } from '../value-type.js';
import { loweredWeightGradient, remainders, type WeightGradientAttributes } from './conv-weight-gradient.js';

interface InputGradientAttributes extends Conv2dOptions {
  readonly inputSize: readonly [number, number];
}

type Four = [number, number, number, number];

/** Output height and width of a convolution. */
function outputSize(
  input: readonly [number, number],
  kernel: readonly [number, number],
  { strides, padding: [top, left, bottom, right], dilations = [1, 1] }: Conv2dOptions,
): readonly [number, number] {
  return [
    Math.floor((input[0] + top + bottom - dilations[0] * (kernel[0] - 1) - 1) / strides[0]) + 1,
    Math.floor((input[1] + left + right - dilations[1] * (kernel[1] - 1) - 1) / strides[1]) + 1,
  ];
}

function checkOperands(
  [a, b]: readonly ValueType[],
  { strides, padding, dilations = [1, 1], groups = 1 }: Conv2dOptions,
  problem: ProblemFactory,
): void {
  if (a!.shape.length !== 4 || b!.shape.length !== 4) throw problem('takes tensors of four axes');
  if (a!.dtype !== b!.dtype || !isFloat(a!.dtype)) throw problem('takes floats of one dtype', 'graph.dtype');
  if (strides.some((stride) => !Number.isInteger(stride) || stride < 1)) throw problem('needs strides of at least 1');
  if (padding.some((width) => !Number.isInteger(width) || width < 0)) throw problem('needs padding of at least 0');
  if (dilations.some((by) => !Number.isInteger(by) || by < 1)) throw problem('needs dilations of at least 1');
  if (!Number.isInteger(groups) || groups < 1) throw problem('needs at least 1 group');
}

/** Of a convolution's filters or channels, those of one group. */
function perGroup(
  what: string,
  count: ValueType['shape'][number] | undefined,
  { groups = 1 }: Conv2dOptions,
  problem: ProblemFactory,
): number {
  if (typeof count !== 'number') throw problem(`needs a fixed number of ${what}, not '${count}'`);
  if (count % groups !== 0) throw problem(`cannot part ${count} ${what} into ${groups} groups`);
  return count / groups;
}

/** What an operator's node says of groups and dilations: nothing where there are none. */
function groupsAndDilations({ groups = 1, dilations = [1, 1] }: Conv2dOptions): Attributes {
  return {
    ...(dilations.some((by) => by !== 1) && { dilations }),
    ...(groups !== 1 && { group: groups }),
  };
}

function spatial(type: ValueType, problem: ProblemFactory): [number, number] {
  return [fixedExtent(type, 2, problem), fixedExtent(type, 3, problem)];
}

/** Visits every product x * w that a convolution adds into y, by flat offsets: all three evaluations are this. */
function eachProduct(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { strides, padding: [top, left], dilations = [1, 1], groups = 1 }: Conv2dOptions,
  visit: (xAt: number, wAt: number, yAt: number) => void,
): void {
  const [images, channels, height, width] = x as Four;
  const [filters, inGroup, kernelHeight, kernelWidth] = w as Four;
  const [, , outputHeight, outputWidth] = y as Four;
  let yAt = 0;
  for (let image = 0; image < images; image++) {
    for (let filter = 0; filter < filters; filter++) {
      const first = Math.floor((filter * groups) / filters) * inGroup;
      for (let position = 0; position < outputHeight * outputWidth; position++, yAt++) {
        const row = Math.floor(position / outputWidth) * strides[0] - top;
        const column = (position % outputWidth) * strides[1] - left;
        for (let tap = 0; tap < inGroup * kernelHeight * kernelWidth; tap++) {
          const channel = first + Math.floor(tap / (kernelHeight * kernelWidth));
          const i = row + dilations[0] * (Math.floor(tap / kernelWidth) % kernelHeight);
          const j = column + dilations[1] * (tap % kernelWidth);
          if (i < 0 || i >= height || j < 0 || j >= width) continue;
          const xAt = ((image * channels + channel) * height + i) * width + j;
          visit(xAt, filter * inGroup * kernelHeight * kernelWidth + tap, yAt);
        }
      }
    }
  }
}

function accumulate(into: Dense, at: number, value: number): void {
  into.data[at] = into.data[at]! + value;
}

export const conv2d: Primitive<Conv2dOptions> = {
  name: 'conv2d',
  inferShape(inputs, options, problem) {
    const [x, w] = inputs as [ValueType, ValueType];
    checkOperands(inputs, options, problem);
    const channels = perGroup('channels', x.shape[1], options, problem);
    perGroup('filters', w.shape[0], options, problem);
    if (channels !== w.shape[1]) {
      const each = channels === x.shape[1] ? '' : ` in each of ${options.groups} groups`;
      throw problem(`has weights for ${w.shape[1]} channels, but the images have ${channels}${each}`);
    }
    const size = outputSize(spatial(x, problem), spatial(w, problem), options);
    if (size.some((extent) => extent < 1)) throw problem('has a kernel larger than the padded image');
    return [{ dtype: x.dtype, shape: [x.shape[0]!, w.shape[0]!, ...size] }];
  },
  gradient({ graph, inputs, attributes, outputGradients, needed }) {
    const [x, w] = inputs as [Value, Value];
    const d = outputGradients[0]!;
    const [, , height, width] = x.shape as Four;
    const [, , kernelHeight, kernelWidth] = w.shape as Four;
    return [
      needed[0] ? graph.conv2dInputGradient(d, w, attributes, [height, width]) : undefined,
      needed[1] ? graph.conv2dWeightGradient(x, d, attributes, [kernelHeight, kernelWidth]) : undefined,
    ];
  },
  evaluate([x, w], options, { outputs, extent }) {
    const y = dense(outputs[0]!.shape.map(extent));
    eachProduct(x!.shape, w!.shape, y.shape, options, (xAt, wAt, yAt) => {
      accumulate(y, yAt, x!.data[xAt]! * w!.data[wAt]!);
    });
    return [y];
  },
  lower(inputs, options, { emit, outputs }) {
    const kernel = inputs[1]!.shape.slice(2) as number[];
    const { strides, padding } = options;
    const attributes = { kernel_shape: kernel, pads: padding, strides, ...groupsAndDilations(options) };
    return [emit('Conv', inputs, attributes, outputs[0]!)];
  },
};

export const conv2dInputGradient: Primitive<InputGradientAttributes> = {
  name: 'conv2dInputGradient',
  inferShape(inputs, attributes, problem) {
    const [d, w] = inputs as [ValueType, ValueType];
    checkOperands(inputs, attributes, problem);
    const expected = [d.shape[0]!, w.shape[0]!, ...outputSize(attributes.inputSize, spatial(w, problem), attributes)];
    if (!sameShape(d.shape, expected)) throw problem(`needs a gradient of shape [${expected.join(', ')}]`);
    perGroup('filters', w.shape[0], attributes, problem);
    const channels = fixedExtent(w, 1, problem) * (attributes.groups ?? 1);
    return [{ dtype: d.dtype, shape: [d.shape[0]!, channels, ...attributes.inputSize] }];
  },
  // Linear in both: the adjoints are the convolution itself and its weight gradient.
  gradient({ graph, inputs, attributes, outputGradients, needed }) {
    const [d, w] = inputs as [Value, Value];
    const outer = outputGradients[0]!;
    const [, , kernelHeight, kernelWidth] = w.shape as Four;
    return [
      needed[0] ? graph.conv2d(outer, w, attributes) : undefined,
      needed[1] ? graph.conv2dWeightGradient(outer, d, attributes, [kernelHeight, kernelWidth]) : undefined,
    ];
  },
  evaluate([d, w], options, { outputs, extent }) {
    const x = dense(outputs[0]!.shape.map(extent));
    eachProduct(x.shape, w!.shape, d!.shape, options, (xAt, wAt, dAt) => {
      accumulate(x, xAt, d!.data[dAt]! * w!.data[wAt]!);
    });
    return [x];
  },
  lower(inputs, attributes, { emit, outputs }) {
    const kernel = inputs[1]!.shape.slice(2) as [number, number];
    const { strides, padding } = attributes;
    // Rows and columns at the end that no window reached.
    const rest = remainders(attributes.inputSize, kernel, attributes);
    const windows = { kernel_shape: kernel, output_padding: rest, pads: padding, strides };
    return [emit('ConvTranspose', inputs, { ...windows, ...groupsAndDilations(attributes) }, outputs[0]!)];
  },
};

export const conv2dWeightGradient: Primitive<WeightGradientAttributes> = {
  name: 'conv2dWeightGradient',
  inferShape(inputs, attributes, problem) {
    const [x, d] = inputs as [ValueType, ValueType];
    checkOperands(inputs, attributes, problem);
    const size = outputSize(spatial(x, problem), attributes.kernel, attributes);
    if (!sameShape(d.shape.slice(2), size)) throw problem(`needs a gradient of images [${size.join(', ')}]`);
    if (x.shape[0] !== d.shape[0]) throw problem('needs as many gradients as images');
    perGroup('filters', d.shape[1], attributes, problem);
    const channels = perGroup('channels', x.shape[1], attributes, problem);
    return [{ dtype: x.dtype, shape: [d.shape[1]!, channels, ...attributes.kernel] }];
  },
  gradient({ graph, inputs, attributes, outputGradients, needed }) {
    const [x, d] = inputs as [Value, Value];
    const outer = outputGradients[0]!;
    const [, , height, width] = x.shape as Four;
    return [
      needed[0] ? graph.conv2dInputGradient(d, outer, attributes, [height, width]) : undefined,
      needed[1] ? graph.conv2d(x, outer, attributes) : undefined,
    ];
  },
  evaluate([x, d], options, { outputs, extent }) {
    const w = dense(outputs[0]!.shape.map(extent));
    eachProduct(x!.shape, w.shape, d!.shape, options, (xAt, wAt, dAt) => {
      accumulate(w, wAt, x!.data[xAt]! * d!.data[dAt]!);
    });
    return [w];
  },
  lower: ([x, d], attributes, context) => [loweredWeightGradient(x!, d!, attributes, context)],
};
