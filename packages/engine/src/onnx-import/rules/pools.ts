import type { Value } from '../../graph/value.js';
import { extentOf, laidOut, type Rule, type Step, Unsupported } from '../entries.js';
import { asImages, type Four, fourPads, type Pair, spatialPair } from '../windows.js';

/** Further from 0 than what a model computes, and no infinity: its sums stay numbers. */
const LOWEST = -1e30;

interface Windows {
  readonly x: Value;
  readonly kernel: Pair;
  readonly strides: Pair;
  /** That the file names. */
  readonly padding: Four;
  /** With what a last window needs that reaches over the border. */
  readonly wide: Four;
}

const maxPool: Rule = (step) => {
  const windows = windowsOf(step);
  const { kernel, strides, wide, x } = windows;
  if (wide.every((side) => side === 0)) return [asGiven(step, step.g.maxPool2d(x, { kernel, strides }))];
  const padded = padAround(step, x, wide);
  const lowered = step.g.add(
    padded,
    border(step, padded, windows, (isImage) => (isImage ? 0 : LOWEST)),
  );
  return [asGiven(step, step.g.maxPool2d(lowered, { kernel, strides }))];
};

const averagePool: Rule = (step) => {
  const { g } = step;
  const windows = windowsOf(step);
  const { kernel, strides, padding, wide, x } = windows;
  const isPadded = wide.some((side) => side !== 0);
  const padded = isPadded ? padAround(step, x, wide) : x;
  const mean = g.averagePool2d(padded, { kernel, strides });
  const countsPadding = step.integer('count_include_pad', 0) !== 0;
  if (!isPadded || (countsPadding && wide.join() === padding.join())) return [asGiven(step, mean)];
  const counted = border(step, padded, windows, (isImage, isPadding) =>
    Number(isImage || (countsPadding && isPadding)),
  );
  return [asGiven(step, g.div(mean, g.averagePool2d(counted, { kernel, strides })))];
};

function windowsOf(step: Step): Windows {
  const x = asImages(step.g, step.value(0));
  const kernel = spatialPair(step, 'kernel_shape', [1, 1]);
  const strides = spatialPair(step, 'strides', [1, 1]);
  if (spatialPair(step, 'dilations', [1, 1]).some((size) => size !== 1)) throw new Unsupported('has dilations');
  const padding = fourPads(step, x, kernel, strides);
  const [top, left, bottom, right] = padding;
  const isCeiled = step.integer('ceil_mode', 0) !== 0;
  const [below, beside] = isCeiled ? [over(x, 0), over(x, 1)] : [0, 0];
  return { x, kernel, strides, padding, wide: [top, left, bottom + below, right + beside] };

  /** How far the last window reaches over the padding; it begins within the image or the padding before it. */
  function over(image: Value, axis: 0 | 1): number {
    const [input, before, after] = [extentOf(image, axis + 2), padding[axis], padding[axis + 2] as number];
    const count = Math.ceil((input + before + after - kernel[axis]) / strides[axis]) + 1;
    const last = (count - 1) * strides[axis] >= input + before ? count - 2 : count - 1;
    return Math.max(0, last * strides[axis] + kernel[axis] - (input + before + after));
  }
}

/** In the dimensions of the input. */
function asGiven(step: Step, pooled: Value): Value {
  if (step.entry(0).shape.length === 4) return pooled;
  return step.g.reshape(
    pooled,
    pooled.shape.filter((_, axis) => axis !== 2),
  );
}

function padAround({ g }: Step, x: Value, [top, left, bottom, right]: Four): Value {
  return g.pad(g.pad(x, 2, top, bottom), 3, left, right);
}

/** A number for each place of a padded image: by whether it is of the image, or of the padding that the file names. */
function border(
  { g }: Step,
  padded: Value,
  { x, padding, wide }: Windows,
  numberAt: (isImage: boolean, isPadding: boolean) => number,
): Value {
  const [height, width] = [extentOf(padded, 2), extentOf(padded, 3)];
  const [rows, columns] = [extentOf(x, 2), extentOf(x, 3)];
  const within = (row: number, column: number, [top, left, bottom, right]: Four) =>
    row >= wide[0] - top &&
    row < wide[0] + rows + bottom &&
    column >= wide[1] - left &&
    column < wide[1] + columns + right;
  const places = Float32Array.from({ length: laidOut(height * width) }, (_, place) => {
    const [row, column] = [Math.floor(place / width), place % width];
    return numberAt(within(row, column, [0, 0, 0, 0]), within(row, column, padding));
  });
  return g.constant(places, 'float32', [1, 1, height, width]);
}

function global(name: 'mean' | 'max'): Rule {
  return (step) => {
    const x = step.value(0);
    const axes = x.shape.flatMap((_, axis) => (axis >= 2 ? [axis] : []));
    return [step.g[name](x, axes, true)];
  };
}

export const pools: Readonly<Record<string, Rule>> = {
  AveragePool: averagePool,
  GlobalAveragePool: global('mean'),
  GlobalMaxPool: global('max'),
  MaxPool: maxPool,
};
