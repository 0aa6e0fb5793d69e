import { type DataSpec, FedloomError, type InferenceNames, type Tensor } from '@fedloom/engine';
import { sha256 } from '../../../core/node/sha256.js';
import { checkExamples } from '../../check-examples.js';
import type { Examples } from '../../dataset.js';
import { holdOut, isHeldOut } from '../../held-out.js';
import { ascending } from '../../partition.js';
import type { FileContents } from '../file-dataset.js';
import { pathOf, shown } from '../files.js';
import { inputNames, type Statistics, statisticsFor, toExamples, toInputs } from './csv-examples.js';
import { type CsvLayout, layoutOf, requireColumns } from './csv-layout.js';
import type { CsvOptions } from './csv-options.js';
import { readRows } from './csv-rows.js';
import type { ReadTable } from './csv-table.js';

/** All that is known of a table's file. */
export interface CsvContents extends FileContents {
  readonly layout: CsvLayout;
  readonly statistics: Statistics;
  readonly names: InferenceNames & { readonly inputs: readonly string[] };
}

/** The options, and how the file is read. */
export interface TableOptions extends CsvOptions {
  readonly reader: string;
  readonly read: ReadTable;
}

/** @throws FedloomError `data.*` with file and line */
export async function readContents(
  path: string,
  folder: string | undefined,
  options: TableOptions,
): Promise<CsvContents> {
  const { classes, standardize, test, reader } = options;
  let layout: CsvLayout | undefined;
  const rows = await readRows(path, options, (columns) => {
    layout = layoutOf(path, columns, options, reader);
    return layout;
  });
  if (layout === undefined || rows.count === 0) {
    const dropped = rows.dropped > 0 ? `: all ${rows.dropped} were dropped for blank cells` : '';
    throw new FedloomError('data.empty', `${shown(path)} has no rows${dropped}.`);
  }
  const known = layout;
  const held = isHeldOut(test) ? holdOut(rows.count, test, shown(path)) : undefined;
  const train = held?.train ?? ascending(rows.count);
  const statistics = statisticsFor(known, standardize, rows, train);
  const spec = specOf(known, statistics, classes);
  const examples = (from: typeof rows, chosen: Int32Array) => toExamples(known, from, chosen, statistics, classes);
  const checked = (split: Examples, where: string) => {
    checkExamples(split, spec, { where: shown(where), split: 'rows' });
    return split;
  };
  return {
    layout,
    statistics,
    spec,
    names: { inputs: inputNames(known), ...(Array.isArray(classes) && { classes: classes.map(String) }) },
    train: checked(examples(rows, train), path),
    test:
      test === undefined || isHeldOut(test)
        ? checked(examples(rows, held?.test ?? new Int32Array(0)), path)
        : await readTest(pathOf(test, folder)),
  };

  async function readTest(from: string): Promise<Examples> {
    const wanted = [...known.inputs.map(({ name }) => name), known.label];
    const found = await readRows(from, options, (columns) => {
      requireColumns(from, columns, wanted);
      return { ...known, others: known.others.filter((name) => columns.includes(name)) };
    });
    return checked(examples(found, ascending(found.count)), from);
  }
}

/** The rows of another file as the model sees them, x float32 `[rows, inputs]`. @throws FedloomError `data.*` with file and line */
export async function readInputs(
  from: string,
  { layout, statistics }: CsvContents,
  options: TableOptions,
): Promise<Tensor> {
  const wanted = layout.inputs.map((column) => column.name);
  const withoutOthers = (columns: readonly string[]): CsvLayout => {
    requireColumns(from, columns, wanted);
    return { ...layout, others: [] };
  };
  const rows = await readRows(from, options, withoutOthers, false);
  return toInputs(layout, rows, ascending(rows.count), statistics);
}

function specOf({ inputs, label }: CsvLayout, statistics: Statistics, classes: CsvOptions['classes']): DataSpec {
  const columns = inputs.map((column) => ({ ...column, ...statistics.get(column.name) }));
  const encoding = sha256(new TextEncoder().encode(JSON.stringify({ columns, label, classes })));
  const width = inputNames({ inputs, label, labelMissing: 'refuse', others: [] }).length;
  return {
    x: { dtype: 'float32', shape: [width] },
    y:
      classes === undefined
        ? { dtype: 'float32', shape: [1] }
        : { dtype: 'int32', shape: [], classes: typeof classes === 'number' ? classes : classes.length },
    encoding,
  };
}
