import { optionError } from '../../reader-options.js';
import type { FilePlace } from '../files.js';
import { type CsvDataset, tableDataset } from './csv.js';
import type { CsvOptions } from './csv-options.js';

/** Those of `csv` that are not about its text. */
export type ParquetOptions = Omit<CsvOptions, 'separator' | 'decimal'>;

/**
 * A data set from a Parquet file, by the rules of `csv`: columns hold numbers unless `categories` lists what may stand in them; null and NaN are
 * blank; booleans are the texts `true` and `false`. Places in messages are rows, from 1.
 * @throws FedloomError as `csv`, and `data.parquet` for a file that cannot be read
 */
export function parquet(file: FilePlace, options: ParquetOptions): CsvDataset {
  const ofText = ['separator', 'decimal'].find((option) => Object.hasOwn(options ?? {}, option));
  if (ofText !== undefined)
    throw optionError(`parquet('${file}')`, ofText, `${ofText} is about text, which this file is not.`);
  return tableDataset(
    'parquet',
    async (...table) => (await import('./parquet-table.js')).readParquetTable(...table),
    file,
    options,
  );
}
