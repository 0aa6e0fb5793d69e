import type { Tensor } from '@fedloom/engine';
import type { Examples, SampleColumn } from '../../dataset.js';
import { momentsOf } from '../../describe.js';
import { sharedTensor } from '../../tensor-sharing.js';
import type { CsvLayout } from './csv-layout.js';
import type { ColumnStatistics, CsvOptions } from './csv-options.js';
import type { CsvRows } from './csv-rows.js';

/** What columns are standardized with, by name; those that are not there stay as they are. */
export type Statistics = ReadonlyMap<string, ColumnStatistics>;

/** As the task fixes them, or with `true` those of the training rows. */
export function statisticsFor(
  layout: CsvLayout,
  standardize: CsvOptions['standardize'],
  rows: CsvRows,
  train: Int32Array,
): Statistics {
  if (typeof standardize === 'object') return new Map(Object.entries(standardize));
  if (standardize !== true) return new Map();
  return new Map(
    layout.inputs.flatMap(({ name, texts }, at): [string, ColumnStatistics][] => {
      if (texts !== undefined) return [];
      const values = rows.inputs[at] ?? [];
      return [[name, momentsOf(Array.from(train, (row) => values[row] ?? Number.NaN))]];
    }),
  );
}

/** Names of the inputs, in the order of x: `age`, `sex=f`, `sex=m`. */
export function inputNames({ inputs }: CsvLayout): readonly string[] {
  return inputs.flatMap(({ name, texts }) => texts?.map((text) => `${name}=${text}`) ?? [name]);
}

/** Some rows of a file as samples. */
export function toExamples(
  layout: CsvLayout,
  rows: CsvRows,
  chosen: Int32Array,
  statistics: Statistics,
  classes: CsvOptions['classes'],
): Examples {
  return {
    x: toInputs(layout, rows, chosen, statistics),
    y: toLabels(rows, chosen, classes),
    columns: chosenColumns(rows.others, chosen),
  };
}

/** Classes, int32 `[rows]`, or targets, float32 `[rows, 1]`. */
export function toLabels({ labels }: CsvRows, chosen: Int32Array, classes: CsvOptions['classes']): Tensor {
  const y =
    classes === undefined ? sharedTensor('float32', [chosen.length, 1]) : sharedTensor('int32', [chosen.length]);
  for (const [at, row] of chosen.entries()) y.data[at] = labels[row] ?? 0;
  return y;
}

/** Some rows of a file as the model sees them: float32 `[rows, inputs]`. */
export function toInputs(layout: CsvLayout, rows: CsvRows, chosen: Int32Array, statistics: Statistics): Tensor {
  const width = inputNames(layout).length;
  const x = sharedTensor('float32', [chosen.length, width]);
  let place = 0;
  for (const [at, { name, texts, missing }] of layout.inputs.entries()) {
    const values = rows.inputs[at] ?? [];
    const { mean, deviation } = statistics.get(name) ?? { mean: 0, deviation: 1 };
    for (const [sample, row] of chosen.entries()) {
      const value = values[row] ?? Number.NaN;
      if (texts !== undefined) x.data[sample * width + place + value] = 1;
      // A blank one is as far from the mean as the mean.
      else
        x.data[sample * width + place] =
          Number.isNaN(value) && missing === 'mean' ? 0 : (value - mean) / (deviation || 1);
    }
    place += texts?.length ?? 1;
  }
  return x;
}

/** The same columns of some rows. */
export function chosenColumns(
  columns: ReadonlyMap<string, SampleColumn>,
  chosen: Int32Array,
): ReadonlyMap<string, SampleColumn> {
  return new Map(
    [...columns].map(([name, { values, codes }]) => [name, { values, codes: chosen.map((row) => codes[row] ?? 0) }]),
  );
}
