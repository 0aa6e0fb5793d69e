import { basename, extname } from 'node:path';
import type { Tensor } from '@fedloom/engine';
import { type FileDataset, fileDataset } from '../file-dataset.js';
import { type FilePlace, pathOf } from '../files.js';
import type { CsvContents, TableOptions } from './csv-contents.js';
import { type CsvOptions, checkCsvOptions } from './csv-options.js';
import type { ReadTable } from './csv-table.js';

// What reads the files is loaded when somebody asks for what is in them: who has other data starts sooner.

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

/**
 * A data set from a table of text: CSV, TSV and their like. The first line names the columns; all but the label's are inputs of the
 * model, as float32. Columns hold numbers unless `categories` lists what may stand in them.
 *
 * What turns rows into numbers (columns, categories, means and deviations) is part of the training plan as a hash: a client whose
 * rows were encoded otherwise is refused.
 * @throws FedloomError `data.option` at once; on loading `data.file`, `data.csv`, `data.column`, `data.empty`, naming file and line
 */
export function csv(file: FilePlace, options: CsvOptions): CsvDataset {
  return tableDataset('csv', async (...table) => (await import('./csv-table.js')).readTable(...table), file, options);
}

/** A data set of the rows of a table, however that is read. @param kind the function's name, for messages */
export function tableDataset(kind: string, read: ReadTable, file: FilePlace, options: CsvOptions): CsvDataset {
  const reader = `${kind}('${file}')`;
  checkCsvOptions(options, reader);
  return tableIn(undefined, file, { ...options, reader, read });
}

function tableIn(folder: string | undefined, file: FilePlace, options: TableOptions): CsvDataset {
  const { contents, ...dataset } = fileDataset<CsvContents>(
    {
      name: options.name ?? basename(String(file), extname(String(file))),
      learned: options.standardize === true ? ['standardize: true'] : [],
      read: async (from) => (await import('./csv-contents.js')).readContents(pathOf(file, from), from, options),
      describe: async (_contents, from) => (await import('./describe-csv.js')).describeCsv(pathOf(file, from), options),
    },
    folder,
  );
  return Object.freeze({
    ...dataset,
    inFolder: (other: string) => tableIn(other, file, options),
    inputNames: async () => (await contents()).names.inputs,
    async inputsOf(other: FilePlace) {
      const [known, { readInputs }] = await Promise.all([contents(), import('./csv-contents.js')]);
      return readInputs(pathOf(other, folder), known, options);
    },
  });
}
