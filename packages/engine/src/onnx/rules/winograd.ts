import type { Dim } from '../../graph/value-type.js';
import type { OnnxValue } from '../ir.js';
import type { Rule, RuleContext } from '../optimize.js';
import { isPlain, isSwap, weightGradientOf } from './convolutions.js';
import {
  type Axis,
  type Filtering,
  filtering,
  inputMatrix,
  outputMatrix,
  TILE,
  weightMatrix,
} from './winograd-matrices.js';

/*
 * Convolutions of 3x3 and 5x5 at stride 1 that are trained, as matrix products over tiles of 4x4 outputs, and their gradients as the exact adjoints of
 * these: a quarter of the multiplications, and about half of the time where there are enough channels. What a picture, a gradient and a
 * weight become on the way is needed twice each, and equal nodes are merged, so that it is computed once a step.
 *
 * A product with a transposed operand moves an axis for nothing: from `[N, C, H, W]`, columns first, to `[points, tiles, points, tiles * N,
 * C]`, and back in the same way, no Transpose is needed.
 *
 * Evaluation, and models on their way out, keep the plain convolution.
 */

/** Fewer channels, and the products over tiles are too small for what becomes of pictures on the way. */
const CHANNELS_MIN = 32;

interface Tiling {
  readonly form: Filtering;
  readonly down: Axis;
  readonly across: Axis;
  readonly channels: number;
  readonly filters: number;
}

/** `conv(x, w)`. */
export const winogradProduct: Rule = {
  name: 'winograd-product',
  apply({ op, inputs, outputs, attributes }, context) {
    const [x, w] = inputs;
    if (op !== 'Conv' || inputs.length !== 2 || x === undefined || w === undefined) return undefined;
    const tiling = isPlain(attributes) ? tilingOf(x, outputs[0], w, attributes.pads) : undefined;
    if (tiling === undefined || !isTrained(x, context)) return undefined;
    const points = product(
      pointsOfImages(x, tiling, context),
      transposed(pointsOfWeights(w, tiling, context), context),
      context,
    );
    return [imagesOf(points, outputs[0]?.shape[0], tiling.filters, tiling, outputMatrix, context)];
  },
};

/** The gradient of `conv(x, w)` by x, which arrives as a ConvTranspose. */
export const winogradInputGradient: Rule = {
  name: 'winograd-input-gradient',
  apply({ op, inputs, outputs, attributes }, context) {
    const [d, w] = inputs;
    if (op !== 'ConvTranspose' || d === undefined || w === undefined) return undefined;
    const isWhole = String(attributes.output_padding) === '0,0';
    const tiling = isPlain(attributes) && isWhole ? tilingOf(outputs[0], d, w, attributes.pads) : undefined;
    if (tiling === undefined || !isTrained(d, context)) return undefined;
    const points = product(pointsOfGradients(d, tiling, context), pointsOfWeights(w, tiling, context), context);
    return [imagesOf(points, d.shape[0], tiling.channels, tiling, inputMatrix, context)];
  },
};

/** The gradient of `conv(x, w)` by w, which arrives as a Conv of both with images and channels swapped. */
export const winogradWeightGradient: Rule = {
  name: 'winograd-weight-gradient',
  apply(node, context) {
    const found = weightGradientOf(node);
    const [w] = node.outputs;
    if (found === undefined || w === undefined || !isPlain(found.conv.attributes)) return undefined;
    const { conv, x, d } = found;
    const tiling = tilingOf(x, d, w, conv.attributes.pads);
    if (tiling === undefined) return undefined;
    const { channels, filters, form } = tiling;
    const { points, kernel } = form;
    const [images, gradients] = [pointsOfImages(x, tiling, context), pointsOfGradients(d, tiling, context)];
    const each = product(transposed(gradients, context), images, context);
    const { emit, integers } = context;
    const whole = { dtype: w.dtype, shape: [points, points, filters, channels] };
    const sums = tiling.down.tiles === 1 ? each : emit('ReduceSum', [each, integers([1])], { keepdims: 0 }, whole);
    const flat = reshape(sums, [points * points, filters * channels], context);
    const matrix = constant(weightMatrix(form), w, context);
    const kernels = emit(
      'Gemm',
      [flat, matrix],
      { transA: 1 },
      { dtype: w.dtype, shape: [filters * channels, kernel * kernel] },
    );
    return [reshape(kernels, w.shape, context)];
  },
};

/** How a convolution of 3x3 or 5x5 falls into tiles; undefined where it is no such one, or would gain nothing. */
function tilingOf(x: OnnxValue | undefined, y: OnnxValue | undefined, w: OnnxValue, pads: unknown): Tiling | undefined {
  const [filters, channels, ...kernel] = w.shape;
  const [, , height, width] = x?.shape ?? [];
  const [, , high, wide] = y?.shape ?? [];
  const form = kernel[0] === kernel[1] ? filtering(Number(kernel[0])) : undefined;
  if (form === undefined || w.dtype !== 'float32' || typeof filters !== 'number' || typeof channels !== 'number')
    return undefined;
  if (![height, width, high, wide].every((extent) => typeof extent === 'number')) return undefined;
  const [top = 0, left = 0] = pads as readonly number[];
  const axis = (input: Dim | undefined, output: Dim | undefined, before: number): Axis => ({
    input: Number(input),
    output: Number(output),
    before,
    tiles: Math.ceil(Number(output) / TILE),
  });
  const [down, across] = [axis(height, high, top), axis(width, wide, left)];
  // At least half of each tile is wanted.
  const isFull = 2 * down.output * across.output >= TILE * TILE * down.tiles * across.tiles;
  return isFull && Math.min(filters, channels) >= CHANNELS_MIN ? { form, down, across, channels, filters } : undefined;
}

/** Whether a convolution's weight gradient is computed of this. */
function isTrained(value: OnnxValue, { uses }: RuleContext): boolean {
  return uses(value).some(
    ({ node }) =>
      node?.op === 'Transpose' &&
      isSwap(node.attributes) &&
      node.outputs.some((swapped) => uses(swapped).some((use) => use.node?.op === 'Conv')),
  );
}

/** `[N, C, H, W]` to `[points, tiles, points, tiles * N, C]`. */
function pointsOfImages(x: OnnxValue, { form, down, across, channels }: Tiling, context: RuleContext): OnnxValue {
  return spread(x, [inputMatrix(down, form), inputMatrix(across, form)], [form.points, down.tiles, channels], context);
}

/** The same of gradients: the adjoint of how outputs are made. */
function pointsOfGradients(d: OnnxValue, { form, down, across, filters }: Tiling, context: RuleContext): OnnxValue {
  return spread(d, [outputMatrix(down, form), outputMatrix(across, form)], [form.points, down.tiles, filters], context);
}

function spread(
  x: OnnxValue,
  [down, across]: readonly [ReturnType<typeof inputMatrix>, ReturnType<typeof inputMatrix>],
  [points, tiles, channels]: readonly [number, number, number],
  context: RuleContext,
): OnnxValue {
  const { emit } = context;
  const { dtype } = x;
  const [, , height, width] = x.shape;
  const rest = `pixels of ${x.shape.join('*')}`;
  const rows = reshape(x, [`rows of ${rest}`, width as number], context);
  const wide = emit(
    'Gemm',
    [constant(across, x, context), rows],
    { transB: 1 },
    { dtype, shape: [across.length, `${rest} by row`] },
  );
  const columns = reshape(wide, [`columns of ${rest}`, height as number], context);
  const both = emit(
    'Gemm',
    [constant(down, x, context), columns],
    { transB: 1 },
    { dtype, shape: [down.length, `${rest} by place`] },
  );
  return reshape(both, [points, tiles, points, `tiles of ${x.shape[0]}`, channels], context);
}

/** `[points, 1, points, filters, channels]`. */
function pointsOfWeights(w: OnnxValue, { form, filters, channels }: Tiling, context: RuleContext): OnnxValue {
  const { points, kernel } = form;
  const kernels = reshape(w, [filters * channels, kernel * kernel], context);
  const type = { dtype: w.dtype, shape: [points * points, filters * channels] };
  const spread = context.emit('Gemm', [constant(weightMatrix(form), w, context), kernels], { transB: 1 }, type);
  return reshape(spread, [points, 1, points, filters, channels], context);
}

/** `[points, tiles, points, tiles * N, channels]` to `[N, channels, ...]`. */
function imagesOf(
  points: OnnxValue,
  images: Dim | undefined,
  channels: number,
  { form, down, across }: Tiling,
  matrixOf: typeof inputMatrix,
  context: RuleContext,
): OnnxValue {
  const { emit } = context;
  const { dtype } = points;
  const [vertical, horizontal] = [matrixOf(down, form), matrixOf(across, form)];
  const [height, width] = [vertical[0]?.length ?? 0, horizontal[0]?.length ?? 0];
  const rest = `pixels of ${images}*${channels}`;
  const rows = reshape(points, [vertical.length, `${rest} by place`], context);
  const high = emit(
    'Gemm',
    [rows, constant(vertical, points, context)],
    { transA: 1 },
    { dtype, shape: [`columns of ${rest}`, height] },
  );
  const columns = reshape(high, [horizontal.length, `${rest} by row`], context);
  const both = emit(
    'Gemm',
    [columns, constant(horizontal, points, context)],
    { transA: 1 },
    { dtype, shape: [`rows of ${rest}`, width] },
  );
  return reshape(both, [images ?? 1, channels, height, width], context);
}

/** Products of the matrices in the last two axes. */
function product(a: OnnxValue, b: OnnxValue, { emit }: RuleContext): OnnxValue {
  const [shape, columns] = [a.shape.slice(0, -1), b.shape.at(-1) ?? 1];
  return emit('MatMul', [a, b], {}, { dtype: a.dtype, shape: [...shape, columns] });
}

/** ONNX Runtime takes it into the product. */
function transposed(x: OnnxValue, { emit }: RuleContext): OnnxValue {
  const [first, second, third, rows, columns] = x.shape as readonly [Dim, Dim, Dim, Dim, Dim];
  const shape = [first, second, third, columns, rows];
  return emit('Transpose', [x], { perm: [0, 1, 2, 4, 3] }, { dtype: x.dtype, shape });
}

/** A name for an extent that is known when the graph runs only: at most one. */
function reshape(x: OnnxValue, shape: readonly Dim[], { emit, integers }: RuleContext): OnnxValue {
  const target = integers(shape.map((extent) => (typeof extent === 'number' ? extent : -1)));
  return emit('Reshape', [x, target], {}, { dtype: x.dtype, shape });
}

function constant(matrix: ReturnType<typeof inputMatrix>, { dtype }: OnnxValue, { constants }: RuleContext): OnnxValue {
  const shape = [matrix.length, matrix[0]?.length ?? 0];
  return constants.get({ dtype, shape, data: Float32Array.from(matrix.flat()) });
}
