import { FedloomError } from '@fedloom/engine';
import { readBytes, shown } from '../files.js';
import type { ReadTable } from './csv-table.js';

/** Rows that are made into objects at a time. */
const ROWS = 10_000;

/**
 * Reads a table from a Parquet file: every value as the text that a CSV file would have, nothing for null and NaN, `true` and `false`, dates in
 * ISO 8601. Rows count from 1.
 * @throws FedloomError `data.file`, `data.parquet`
 */
export const readParquetTable: ReadTable = async (path, _separator, reader) => {
  const bytes = await readBytes(path);
  const [{ parquetMetadata, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const reading = async <T>(read: () => T | Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (cause) {
      const why = `${(cause as Error).message.replace(/\.$/, '')}. Is it complete?`;
      throw new FedloomError(
        'data.parquet',
        `${shown(path)} is no Parquet file that can be read: ${why}`,
        { path },
        { cause },
      );
    }
  };
  // A copy of its own: the bytes of a small file are a piece of a larger buffer.
  const file = Uint8Array.from(bytes).buffer;
  const metadata = await reading(() => parquetMetadata(file));
  const columns = await reading(() => parquetSchema(metadata).children.map(({ element }) => element.name));
  reader.header(columns);
  const count = Number(metadata.num_rows);
  for (let from = 0; from < count; from += ROWS) {
    const rowEnd = Math.min(count, from + ROWS);
    const rows = await reading(async () => {
      const read = await parquetReadObjects({ file, metadata, compressors, rowStart: from, rowEnd });
      // Else a file that claims more rows than it has would be read for ever.
      if (read.length < rowEnd - from) throw new Error(`it claims ${count} rows, and ends after ${from + read.length}`);
      return read.map((row) => columns.map((name) => textOf(row[name])));
    });
    for (const [at, cells] of rows.entries()) reader.row(cells, from + at + 1);
  }
};

function textOf(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value, bigAsText) : String(value);
}

/** JSON has no numbers of 64 bits, which columns of lists may hold. */
function bigAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
