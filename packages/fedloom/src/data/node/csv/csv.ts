import { basename, extname } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import { sha256 } from '../../../core/node/sha256.js';
import { checkExamples } from '../../check-examples.js';
import type { Examples } from '../../dataset.js';
import { holdOut, isHeldOut } from '../../held-out.js';
import { ascending } from '../../partition.js';
import { type FileContents, type FileDataset, fileDataset } from '../file-dataset.js';
import { type FilePlace, pathOf, shown } from '../files.js';
import { inputNames, type Statistics, statisticsFor, toExamples, toInputs } from './csv-examples.js';
import { type CsvLayout, layoutOf, requireColumns } from './csv-layout.js';
import { type CsvOptions, checkCsvOptions } from './csv-options.js';
import { readRows } from './csv-rows.js';
import { type ReadTable, readTable } from './csv-table.js';
import { describeCsv } from './describe-csv.js';

/** A data set of the rows of a table. */
export interface CsvDataset extends FileDataset {
  inFolder(folder: string): CsvDataset;
  /** Names of the inputs in the order of x: `age`, `sex=f`, `sex=m`. */
  inputNames(): Promise<readonly string[]>;
  /**
   * The rows of another file as the model sees them, x float32 `[rows, inputs]`: to predict what its label's column does not tell or
   * does not have. Its columns may be in another order.
   * @throws FedloomError `data.*`; for blank cells too where rows are otherwise dropped
   */
  inputsOf(file: FilePlace): Promise<Tensor>;
}

interface CsvContents extends FileContents {
  readonly layout: CsvLayout;
  readonly statistics: Statistics;
}

/**
 * A data set from a table of text: CSV, TSV and their like. The first line names the columns; all but the label's are inputs of the
 * model, as float32. Columns hold numbers unless `categories` lists what may stand in them.
 *
 * What turns rows into numbers (columns, categories, means and deviations) is part of the training plan as a hash: a client whose
 * rows were encoded otherwise is refused.
 * @throws FedloomError `data.option` at once; on loading `data.file`, `data.csv`, `data.column`, `data.empty`, naming file and line
 */
export function csv(file: FilePlace, options: CsvOptions): CsvDataset {
  return tableDataset('csv', readTable, file, options);
}

/** A data set of the rows of a table, however that is read. @param kind the function's name, for messages */
export function tableDataset(kind: string, read: ReadTable, file: FilePlace, options: CsvOptions): CsvDataset {
  const reader = `${kind}('${file}')`;
  checkCsvOptions(options, reader);
  return tableIn(undefined, file, { ...options, reader, read });
}

/** The options, and how the file is read. */
interface TableOptions extends CsvOptions {
  readonly reader: string;
  readonly read: ReadTable;
}

function tableIn(folder: string | undefined, file: FilePlace, options: TableOptions): CsvDataset {
  const { contents, ...dataset } = fileDataset<CsvContents>(
    {
      name: options.name ?? basename(String(file), extname(String(file))),
      learned: options.standardize === true ? ['standardize: true'] : [],
      read: (from) => readContents(pathOf(file, from), from, options),
      describe: (_contents, from) => describeCsv(pathOf(file, from), options),
    },
    folder,
  );
  return Object.freeze({
    ...dataset,
    inFolder: (other: string) => tableIn(other, file, options),
    inputNames: async () => inputNames((await contents()).layout),
    async inputsOf(other: FilePlace) {
      const { layout, statistics } = await contents();
      const from = pathOf(other, folder);
      const wanted = layout.inputs.map((column) => column.name);
      const rows = await readRows(
        from,
        options,
        (columns) => {
          requireColumns(from, columns, wanted);
          return { ...layout, others: [] };
        },
        false,
      );
      return toInputs(layout, rows, ascending(rows.count), statistics);
    },
  });
}

async function readContents(path: string, folder: string | undefined, options: TableOptions): Promise<CsvContents> {
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
