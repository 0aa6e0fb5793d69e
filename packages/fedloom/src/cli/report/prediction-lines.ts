import type { Tensor } from '@fedloom/engine';
import type { Predictions } from '../../inference/predictor.js';

/** How predictions are written: a table with a header, or an object a line. */
export const PREDICTION_FORMATS = ['csv', 'json'] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** One line a sample, in their order, before them the header of a CSV. Of a classifier the label comes first, and its logits are left out of the CSV. */
export function* predictionLines(
  predictions: Predictions,
  format: PredictionFormat,
  files?: readonly string[],
): Generator<string> {
  const columns = columnsOf(predictions, format);
  const count = predictions.prediction.shape[0] ?? 0;
  const named = files === undefined ? [] : ['file'];
  if (format === 'csv') yield [...named, ...columns.flatMap(({ name, tensor }) => headersOf(name, tensor))].join(',');
  for (let row = 0; row < count; row += 1) {
    const file = files?.[row];
    const cells = columns.map(({ name, tensor }) => [name, cellOf(tensor, row)] as const);
    const values = columns.flatMap(({ tensor }) => valuesOf(tensor, row));
    if (format === 'json') yield JSON.stringify({ ...(file !== undefined && { file }), ...Object.fromEntries(cells) });
    else yield [...(file === undefined ? [] : [quoted(file)]), ...values].join(',');
  }
}

interface Column {
  readonly name: string;
  readonly tensor: Tensor;
}

function columnsOf({ prediction, label, ...others }: Predictions, format: PredictionFormat): Column[] {
  const readings = Object.entries(others).flatMap(([name, tensor]) => (tensor === undefined ? [] : [{ name, tensor }]));
  const first = label === undefined ? [] : [{ name: 'label', tensor: label }];
  const raw = format === 'csv' && readings.length > 0 ? [] : [{ name: 'prediction', tensor: prediction }];
  return [...first, ...readings, ...raw];
}

/** `probabilities` of ten classes: `probabilities_0` to `probabilities_9`. */
function headersOf(name: string, { shape }: Tensor): string[] {
  const width = widthOf(shape);
  return shape.length === 1 || width === 1 ? [name] : Array.from({ length: width }, (_, i) => `${name}_${i}`);
}

/** float32 in as few digits as tell it from its neighbours. */
function valuesOf({ shape, dtype, data }: Tensor, row: number): number[] {
  const width = widthOf(shape);
  const values = Array.from({ length: width }, (_, i) => Number(data[row * width + i]));
  return dtype === 'float32' ? values.map(shortest) : values;
}

function cellOf(tensor: Tensor, row: number): number | readonly number[] {
  const values = valuesOf(tensor, row);
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
