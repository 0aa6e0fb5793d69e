import type { OnnxValue } from '../../onnx/ir.js';
import { type Dense, dense } from '../../reference/dense.js';
import type { Conv2dOptions } from '../image-options.js';
import { fixedExtent, sameShape } from '../shapes.js';
import type { LowerContext, Primitive, Value } from '../value.js';
import { isFloat, type ProblemFactory, type ValueType } from '../value-type.js';

interface InputGradientAttributes extends Conv2dOptions {
  readonly inputSize: readonly [number, number];
}

interface WeightGradientAttributes extends Conv2dOptions {
  readonly kernel: readonly [number, number];
}

type Four = [number, number, number, number];

/** Output height and width of a convolution. */
function outputSize(
  input: readonly [number, number],
  kernel: readonly [number, number],
  { strides, padding: [top, left, bottom, right] }: Conv2dOptions,
): readonly [number, number] {
  return [
    Math.floor((input[0] + top + bottom - kernel[0]) / strides[0]) + 1,
    Math.floor((input[1] + left + right - kernel[1]) / strides[1]) + 1,
  ];
}

function checkOperands(
  [a, b]: readonly ValueType[],
  { strides, padding }: Conv2dOptions,
  problem: ProblemFactory,
): void {
  if (a!.shape.length !== 4 || b!.shape.length !== 4) throw problem('takes tensors of four axes');
  if (a!.dtype !== b!.dtype || !isFloat(a!.dtype)) throw problem('takes floats of one dtype', 'graph.dtype');
  if (strides.some((stride) => !Number.isInteger(stride) || stride < 1)) throw problem('needs strides of at least 1');
  if (padding.some((width) => !Number.isInteger(width) || width < 0)) throw problem('needs padding of at least 0');
}

function spatial(type: ValueType, problem: ProblemFactory): [number, number] {
  return [fixedExtent(type, 2, problem), fixedExtent(type, 3, problem)];
}

/** Visits every product x * w that a convolution adds into y, by flat offsets: all three evaluations are this. */
function eachProduct(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { strides, padding: [top, left] }: Conv2dOptions,
  visit: (xAt: number, wAt: number, yAt: number) => void,
): void {
  const [images, channels, height, width] = x as Four;
  const [filters, , kernelHeight, kernelWidth] = w as Four;
  const [, , outputHeight, outputWidth] = y as Four;
  let yAt = 0;
  for (let image = 0; image < images; image++) {
    for (let filter = 0; filter < filters; filter++) {
      for (let position = 0; position < outputHeight * outputWidth; position++, yAt++) {
        const row = Math.floor(position / outputWidth) * strides[0] - top;
        const column = (position % outputWidth) * strides[1] - left;
        for (let tap = 0; tap < channels * kernelHeight * kernelWidth; tap++) {
          const channel = Math.floor(tap / (kernelHeight * kernelWidth));
          const i = row + (Math.floor(tap / kernelWidth) % kernelHeight);
          const j = column + (tap % kernelWidth);
          if (i < 0 || i >= height || j < 0 || j >= width) continue;
          const xAt = ((image * channels + channel) * height + i) * width + j;
          visit(xAt, filter * channels * kernelHeight * kernelWidth + tap, yAt);
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
    if (x.shape[1] !== w.shape[1])
      throw problem(`has weights for ${w.shape[1]} channels, but the images have ${x.shape[1]}`);
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
  lower: (inputs, { strides, padding }, { emit, outputs }) => [
    emit('Conv', inputs, { kernel_shape: inputs[1]!.shape.slice(2) as number[], pads: padding, strides }, outputs[0]!),
  ],
};

export const conv2dInputGradient: Primitive<InputGradientAttributes> = {
  name: 'conv2dInputGradient',
  inferShape(inputs, attributes, problem) {
    const [d, w] = inputs as [ValueType, ValueType];
    checkOperands(inputs, attributes, problem);
    const expected = [d.shape[0]!, w.shape[0]!, ...outputSize(attributes.inputSize, spatial(w, problem), attributes)];
    if (!sameShape(d.shape, expected)) throw problem(`needs a gradient of shape [${expected.join(', ')}]`);
    return [{ dtype: d.dtype, shape: [d.shape[0]!, w.shape[1]!, ...attributes.inputSize] }];
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
    return [
      emit(
        'ConvTranspose',
        inputs,
        { kernel_shape: kernel, output_padding: rest, pads: padding, strides },
        outputs[0]!,
      ),
    ];
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
    return [{ dtype: x.dtype, shape: [d.shape[1]!, x.shape[1]!, ...attributes.kernel] }];
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
  lower: ([x, d], attributes, context) => [swappedConvolution(x!, d!, attributes, context)],
};

/** Input rows and columns after the last window. */
function remainders(
  input: readonly [number, number],
  kernel: readonly [number, number],
  { strides, padding: [top, left, bottom, right] }: Conv2dOptions,
): [number, number] {
  return [(input[0] + top + bottom - kernel[0]) % strides[0], (input[1] + left + right - kernel[1]) % strides[1]];
}

/**
 * The weight gradient as a convolution: images and channels change places, the gradient is the kernel, and the stride
 * becomes its dilation. What no window reached is taken off the padding, or off the image where that is not enough.
 */
function swappedConvolution(
  x: OnnxValue,
  d: OnnxValue,
  attributes: WeightGradientAttributes,
  context: LowerContext,
): OnnxValue {
  const { emit, integers, outputs } = context;
  const { kernel, strides } = attributes;
  const [top, left, bottom, right] = attributes.padding;
  const [height, width] = x.shape.slice(2) as [number, number];
  const [restHeight, restWidth] = remainders([height, width], kernel, attributes);
  let image = x;
  const crop = (axis: number, extent: number): void => {
    const shape = image.shape.map((dim, position) => (position === axis ? extent : dim));
    image = emit('Slice', [image, integers([0]), integers([extent]), integers([axis])], {}, { dtype: x.dtype, shape });
  };
  if (restHeight > bottom) crop(2, height - (restHeight - bottom));
  if (restWidth > right) crop(3, width - (restWidth - right));
  const swap = (value: OnnxValue): OnnxValue => {
    const [first, second, ...rest] = value.shape;
    return emit('Transpose', [value], { perm: [1, 0, 2, 3] }, { dtype: x.dtype, shape: [second!, first!, ...rest] });
  };
  const [filters, channels] = outputs[0]!.shape;
  const pads = [top, left, Math.max(0, bottom - restHeight), Math.max(0, right - restWidth)];
  const type: ValueType = { dtype: x.dtype, shape: [channels!, filters!, ...kernel] };
  return swap(emit('Conv', [swap(image), swap(d)], { dilations: strides, pads, strides: [1, 1] }, type));
}
