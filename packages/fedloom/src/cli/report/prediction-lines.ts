import type { Tensor } from '@fedloom/engine';
import type { Predictions } from '../../inference/predictor.js';

/** How predictions are written: a table with a header, or an object a line. */
export const PREDICTION_FORMATS = ['csv', 'json'] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** What names there are beside the numbers. */
export interface PredictionNames {
  /** Of each sample. */
  readonly files?: readonly string[];
  /** By their labels. */
  readonly classes?: readonly string[];
}

/** One line a sample, in their order, before them the header of a CSV. Of a classifier the label comes first, and its logits are left out of the CSV. */
export function* predictionLines(
  predictions: Predictions,
  format: PredictionFormat,
  { files, classes }: PredictionNames = {},
): Generator<string> {
  const columns = columnsOf(predictions, format).map((column) => ({
    ...column,
    ...(column.name === 'label' && classes !== undefined && { classes }),
  }));
  const count = predictions.prediction.shape[0] ?? 0;
  const first = files === undefined ? [] : ['file'];
  if (format === 'csv')
    yield [...first, ...columns.flatMap(({ name, tensor }) => headersOf(name, tensor, classes))].join(',');
  for (let row = 0; row < count; row += 1) {
    const file = files?.[row];
    const cells = columns.map((column) => [column.name, cellOf(column, row)] as const);
    const values = columns.flatMap(({ tensor, ...column }) =>
      named(valuesOf(tensor, row), column.classes).map(written),
    );
    if (format === 'json') yield JSON.stringify({ ...(file !== undefined && { file }), ...Object.fromEntries(cells) });
    else yield [...(file === undefined ? [] : [quoted(file)]), ...values].join(',');
  }
}

interface Column {
  readonly name: string;
  readonly tensor: Tensor;
  /** Names of its values. */
  readonly classes?: readonly string[];
}

function columnsOf({ prediction, label, ...others }: Predictions, format: PredictionFormat): Column[] {
  const readings = Object.entries(others).flatMap(([name, tensor]) => (tensor === undefined ? [] : [{ name, tensor }]));
  const first = label === undefined ? [] : [{ name: 'label', tensor: label }];
  const raw = format === 'csv' && readings.length > 0 ? [] : [{ name: 'prediction', tensor: prediction }];
  return [...first, ...readings, ...raw];
}

/** `probabilities` of ten classes: `probabilities_0` to `probabilities_9`, or by their names. */
function headersOf(name: string, { shape }: Tensor, classes: readonly string[] = []): string[] {
  const width = widthOf(shape);
  if (shape.length === 1 || width === 1) return [name];
  const names = width === classes.length ? classes : Array.from({ length: width }, (_, i) => String(i));
  return names.map((one) => quoted(`${name}_${one}`));
}

/** float32 in as few digits as tell it from its neighbours. */
function valuesOf({ shape, dtype, data }: Tensor, row: number): number[] {
  const width = widthOf(shape);
  const values = Array.from({ length: width }, (_, i) => Number(data[row * width + i]));
  return dtype === 'float32' ? values.map(shortest) : values;
}

function named(values: readonly number[], classes: readonly string[] | undefined): readonly (number | string)[] {
  return classes === undefined ? values : values.map((value) => classes[value] ?? value);
}

const written = (value: number | string) => (typeof value === 'string' ? quoted(value) : value);

function cellOf({ tensor, classes }: Column, row: number): number | string | readonly (number | string)[] {
  const values = named(valuesOf(tensor, row), classes);
  const [only] = values;
  return tensor.shape.length === 1 && only !== undefined ? only : values;
}

/** As RFC 4180 has it. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function widthOf(shape: readonly number[]): number {
  return shape.slice(1).reduce((product, extent) => product * extent, 1);
}

/** Nine significant digits always do; most numbers need fewer. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
