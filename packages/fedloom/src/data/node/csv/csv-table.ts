import { FedloomError } from '@fedloom/engine';
import type Papa from 'papaparse';
import { readText, shown } from '../files.js';

/** Who takes the rows of a table, one after the other. */
export interface TableReader {
  /** Called once, first. @param columns the names that the first line gives, each another */
  header(columns: readonly string[]): void;
  /**
   * @param cells as many as there are columns, as they were written, without quotes
   * @param line where the row begins, from 1
   */
  row(cells: readonly string[], line: number): void;
}

/** Reads the table in a file. */
export type ReadTable = (path: string, separator: string | undefined, reader: TableReader) => Promise<void>;

const SEPARATORS = [',', ';', '\t', '|'];

/**
 * Reads a table of text: the first line names the columns, cells may be quoted, quoted cells may hold line ends, lines end in LF,
 * CRLF or CR, blank lines are passed over (https://www.rfc-editor.org/rfc/rfc4180).
 * @param separator default: of comma, semicolon, tab and bar the one that the first line has most of
 * @throws FedloomError `data.file`, `data.csv`, with the file and, where there is one, the line
 */
export async function readTable(path: string, separator: string | undefined, reader: TableReader): Promise<void> {
  const [text, papa] = await Promise.all([readText(path), loadPapa()]);
  let columns: readonly string[] | undefined;
  const lines = lineCounter(text);
  papa.parse<string[]>(text, {
    delimiter: separator ?? separatorOf(text),
    step: ({ data: cells, errors, meta }) => {
      const line = lines.at;
      lines.forward(meta.cursor);
      if (cells.length === 1 && cells[0]?.trim() === '') return;
      const [error] = errors;
      if (error !== undefined) throw fault(path, line, quoteProblem(error.code));
      if (columns === undefined) {
        columns = checkHeader(path, line, cells);
        reader.header(columns);
      } else {
        if (cells.length !== columns.length) throw fault(path, line, countProblem(cells, columns));
        reader.row(cells, line);
      }
    },
  });
  if (columns === undefined) throw new FedloomError('data.csv', `${shown(path)} is empty.`, { path });
}

/** A fault in a row, with its place. */
export function fault(path: string, line: number, what: string): FedloomError {
  return new FedloomError('data.csv', `${shown(path)}:${line}: ${what}`, { path, line });
}

async function loadPapa(): Promise<typeof Papa> {
  return (await import('papaparse')).default;
}

function checkHeader(path: string, line: number, cells: readonly string[]): readonly string[] {
  const columns = cells.map((cell) => cell.trim());
  const nameless = columns.indexOf('');
  if (nameless >= 0) {
    throw fault(path, line, `column ${nameless + 1} has no name. The first line names the columns.`);
  }
  const twice = columns.find((name, at) => columns.indexOf(name) !== at);
  if (twice !== undefined) throw fault(path, line, `two columns are named "${twice}".`);
  return columns;
}

function countProblem(cells: readonly string[], columns: readonly string[]): string {
  const found = cells.length === 1 ? '1 cell' : `${cells.length} cells`;
  const wanted = columns.length === 1 ? '1 column' : `${columns.length} columns`;
  return `there are ${found}, but the first line names ${wanted}. Cells that hold the separator must be in double quotes.`;
}

function quoteProblem(code: string): string {
  if (code === 'MissingQuotes') return 'a cell begins with a double quote that no other ends.';
  return 'after the double quote that ends a cell there is something else than the separator. Double quotes within cells are doubled.';
}

/** The separator that the first line has most of, outside of quotes. */
function separatorOf(text: string): string {
  const start = text.search(/[^\r\n]/);
  const line = /[^\r\n]*/.exec(text.slice(Math.max(0, start)))?.[0] ?? '';
  const bare = line.replace(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((one) => bare.split(one).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** Counts lines along a text; CRLF, LF and CR each end one. */
function lineCounter(text: string): { readonly at: number; forward(to: number): void } {
  let [line, place] = [1, 0];
  return {
    get at() {
      return line;
    },
    forward(to) {
      for (; place < to; place++) {
        const code = text.charCodeAt(place);
        if (code === LF || (code === CR && text.charCodeAt(place + 1) !== LF)) line++;
      }
    },
  };
}

const [LF, CR] = [10, 13];
