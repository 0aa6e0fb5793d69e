import type { Value } from '../../graph/value.js';
import { type AxisWeights, resampled } from '../../layers/resample.js';
import { axisOf, extentOf, laidOut, type Rule, type Step, Unsupported } from '../entries.js';
import { asImages } from '../windows.js';

/** Images to another size: each place is a weighted sum of places of its row and its column, with weights that the file's modes say. */
const resize: Rule = (step) => {
  const { g } = step;
  const given = step.value(0);
  const x = asImages(g, given);
  if (step.integer('antialias', 0) !== 0) throw new Unsupported('has antialias');
  const policy = step.text('keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch') throw new Unsupported(`keeps proportions (${policy})`);
  const weightsOf = (axis: number): AxisWeights => {
    const input = extentOf(x, axis);
    const place = axis - x.shape.length + given.shape.length;
    if (place < 2) return axisWeights(step, input, input, 1);
    const [size, scale] = [spatial(step, 3, place, given), spatial(step, 2, place, given)];
    if (size !== undefined) return axisWeights(step, input, size, size / input);
    return axisWeights(step, input, Math.floor(input * (scale ?? 1)), scale ?? 1);
  };
  const [rows, columns] = [weightsOf(2), weightsOf(3)];
  const resized = repeated(step, x, rows, columns) ?? resampled(g, x, rows, columns);
  if (given.shape.length === 4) return [resized];
  return [
    g.reshape(
      resized,
      resized.shape.filter((_, axis) => axis !== 2),
    ),
  ];
};

/** A size or a scale along an axis; undefined: there is none. */
function spatial(step: Step, index: number, axis: number, { shape }: Value): number | undefined {
  if (!step.has(index)) return undefined;
  const { elements } = step.known(index);
  if (elements.length === 0) return undefined;
  const axes = step.integers('axes')?.map((one) => axisOf(one, shape.length)) ?? [...shape.keys()];
  // A size of the samples' axis is that of the batch which the exporter saw.
  const isSame = (at: number, place: number) =>
    index === 2 ? elements[at] === 1 : place === 0 || elements[at] === shape[1];
  if (axes.some((place, at) => place < 2 && !isSame(at, place))) throw new Unsupported('resizes samples or channels');
  const found = elements[axes.indexOf(axis)];
  return found === undefined ? undefined : Number(found);
}

function axisWeights(step: Step, input: number, output: number, scale: number): AxisWeights {
  if (!(output >= 1)) throw new Unsupported(`makes ${output} of ${input}`);
  const weigh = modes[step.text('mode', 'nearest')];
  if (weigh === undefined) throw new Unsupported(`has the mode ${step.text('mode', '')}`);
  laidOut(output * input);
  return Array.from({ length: output }, (_, at) => {
    const weights = new Array<number>(input).fill(0);
    for (const [place, weight] of weigh(sourceOf(step, at, input, output, scale), step, input)) {
      const inside = Math.min(input - 1, Math.max(0, place));
      weights[inside] = (weights[inside] ?? 0) + weight;
    }
    return weights;
  });
}

/** Where in the input a place of the output lies. */
function sourceOf(step: Step, at: number, input: number, output: number, scale: number): number {
  const mode = step.text('coordinate_transformation_mode', 'half_pixel');
  switch (mode) {
    case 'half_pixel':
      return (at + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return output > 1 ? (at + 0.5) / scale - 0.5 : 0;
    case 'align_corners':
      return output > 1 ? (at * (input - 1)) / (output - 1) : 0;
    case 'asymmetric':
      return at / scale;
    default:
      throw new Unsupported(`has the coordinates ${mode}`);
  }
}

/** Places of the input with their weights; those beyond its border stand for the last within. */
type Weigh = (source: number, step: Step, input: number) => readonly (readonly [place: number, weight: number])[];

const rounding: Readonly<Record<string, (source: number) => number>> = {
  ceil: Math.ceil,
  floor: Math.floor,
  round_prefer_ceil: (source) => Math.floor(source + 0.5),
  round_prefer_floor: (source) => Math.ceil(source - 0.5),
};

const modes: Readonly<Record<string, Weigh>> = {
  nearest(source, step) {
    const round = rounding[step.text('nearest_mode', 'round_prefer_floor')];
    if (round === undefined) throw new Unsupported(`rounds by ${step.text('nearest_mode', '')}`);
    return [[round(source), 1]];
  },
  linear(source) {
    const before = Math.floor(source);
    const share = source - before;
    return [
      [before, 1 - share],
      [before + 1, share],
    ];
  },
  /** Keys' convolution kernel (1981), of the width 2. */
  cubic(source, step, input) {
    const a = step.float('cubic_coeff_a', -0.75);
    const before = Math.floor(source);
    const weights = [-1, 0, 1, 2].map((offset): readonly [number, number] => {
      const d = Math.abs(source - before - offset);
      const near = ((a + 2) * d - (a + 3)) * d * d + 1;
      return [before + offset, d <= 1 ? near : ((d - 5) * d + 8) * d * a - 4 * a];
    });
    if (step.integer('exclude_outside', 0) === 0) return weights;
    const inside = weights.filter(([place]) => place >= 0 && place < input);
    const total = inside.reduce((sum, [, weight]) => sum + weight, 0);
    return inside.map(([place, weight]) => [place, weight / total]);
  },
};

/** Each pixel so many times, without a product; undefined: the weights are others. */
function repeated({ g }: Step, x: Value, rows: AxisWeights, columns: AxisWeights): Value | undefined {
  const times = (weights: AxisWeights) => {
    const input = weights[0]?.length ?? 1;
    const count = weights.length / input;
    const isRepeated = weights.every((row, at) => row[Math.floor(at / count)] === 1);
    return Number.isInteger(count) && isRepeated ? count : undefined;
  };
  const [down, across] = [times(rows), times(columns)];
  if (down === undefined || across === undefined) return undefined;
  const [images = 1, channels = 1, height = 1, width = 1] = x.shape;
  const apart = g.reshape(x, [images, channels, height, 1, width, 1]);
  return g.reshape(g.expand(apart, [images, channels, height, down, width, across]), [
    ...[images, channels],
    ...[rows.length, columns.length],
  ]);
}

export const resizing: Readonly<Record<string, Rule>> = { Resize: resize };
