import { type SampleColumn, sampleColumn } from '../../dataset.js';
import type { CsvLayout, InputColumn } from './csv-layout.js';
import type { CsvOptions, MissingRule } from './csv-options.js';
import { fault, type ReadTable, readTable } from './csv-table.js';

/** The rows of a file as numbers. */
export interface CsvRows {
  readonly count: number;
  /** By column of the layout: of categories the place of the text, of numbers the number, NaN where the mean is to stand. */
  readonly inputs: readonly (readonly number[])[];
  /** Class or target of each row; empty where it was not asked for. */
  readonly labels: readonly number[];
  readonly others: ReadonlyMap<string, SampleColumn>;
  /** Where each row begins. */
  readonly lines: readonly number[];
  /** Rows that were dropped for blank cells. */
  readonly dropped: number;
}

/** How cells are read. */
export interface CellOptions extends Pick<CsvOptions, 'blank' | 'decimal' | 'separator' | 'classes'> {
  /** How the file is read. Default: as CSV. */
  readonly read?: ReadTable;
}

/**
 * Reads the rows of a file.
 * @param layoutFor is asked once the columns are known
 * @param labelled false: the label's column need not be there, and no row may be dropped, since each is to have its answer
 * @throws FedloomError `data.csv` with file, line, column and value
 */
export async function readRows(
  path: string,
  options: CellOptions,
  layoutFor: (columns: readonly string[]) => CsvLayout,
  labelled = true,
): Promise<CsvRows> {
  const [lines, labels]: [number[], number[]] = [[], []];
  const cell = cellReader(path, options);
  let inputs: InputReader[] = [];
  let others: OtherReader[] = [];
  let label: ((cells: readonly string[], line: number) => number | undefined) | undefined;
  let dropped = 0;
  const { read = readTable } = options;
  await read(path, options.separator, {
    header(columns) {
      const layout = layoutFor(columns);
      inputs = layout.inputs.map((column) => inputReader(column, columns.indexOf(column.name), cell, labelled));
      others = layout.others.map((name) => otherReader(name, columns.indexOf(name)));
      const at = columns.indexOf(layout.label);
      if (labelled) label = (cells, line) => cell.label(layout, cells[at] ?? '', line);
    },
    row(cells, line) {
      const values = inputs.map((input) => input.read(cells, line));
      const told = label?.(cells, line);
      if (values.includes(undefined) || (label !== undefined && told === undefined)) {
        dropped++;
        return;
      }
      for (const [at, input] of inputs.entries()) input.values.push(values[at] as number);
      for (const other of others) other.read(cells);
      if (told !== undefined) labels.push(told);
      lines.push(line);
    },
  });
  return {
    count: lines.length,
    inputs: inputs.map(({ values }) => values),
    labels,
    others: new Map(others.map(({ name, column }) => [name, column()])),
    lines,
    dropped,
  };
}

interface InputReader {
  readonly values: number[];
  /** Undefined: the row is to be dropped. */
  read(cells: readonly string[], line: number): number | undefined;
}

function inputReader(column: InputColumn, at: number, cell: CellReader, mayDrop: boolean): InputReader {
  const missing = column.missing === 'drop' && !mayDrop ? 'refuse' : column.missing;
  const { name, texts } = column;
  if (texts === undefined) {
    return { values: [], read: (cells, line) => cell.number(name, missing, cells[at] ?? '', line) };
  }
  const places = new Map(texts.map((text, place) => [text, place]));
  return { values: [], read: (cells, line) => cell.category(name, missing, places, cells[at] ?? '', line) };
}

interface OtherReader {
  readonly name: string;
  read(cells: readonly string[]): void;
  column(): SampleColumn;
}

function otherReader(name: string, at: number): OtherReader {
  const texts: string[] = [];
  return {
    name,
    read(cells) {
      texts.push((cells[at] ?? '').trim());
    },
    column: () => sampleColumn(texts),
  };
}

type CellReader = ReturnType<typeof cellReader>;

/** Reads single cells of a file. */
function cellReader(path: string, { blank = [], decimal = '.', classes }: CellOptions) {
  const blanks = new Set(['', ...blank]);
  const places = new Map((typeof classes === 'object' ? classes : []).map((text, place) => [text, place]));
  const refuse = (column: string, text: string, line: number, what: string): never => {
    throw fault(path, line, `column "${column}" holds ${JSON.stringify(text)}${what}`);
  };
  const numberIn = (column: string, text: string, line: number): number => {
    const value = parseNumber(text, decimal);
    if (value !== undefined) return value;
    const comma = decimal === '.' && parseNumber(text, ',') !== undefined ? " With decimal: ',' it is one." : '';
    return refuse(
      column,
      text,
      line,
      `, which is no number.${comma || ' If it means blank, list it in blank; if the column holds texts, in categories; or ignore the column. `npx fedloom statistics` shows what stands in it.'}`,
    );
  };
  const blankCell = (column: string, missing: MissingRule, line: number): undefined => {
    if (missing === 'drop') return undefined;
    throw fault(
      path,
      line,
      `column "${column}" is blank. Say with missing what becomes of such rows, or mend the file.`,
    );
  };
  return {
    number(column: string, missing: MissingRule, written: string, line: number): number | undefined {
      const text = written.trim();
      if (!blanks.has(text)) return numberIn(column, text, line);
      if (missing === 'mean') return Number.NaN;
      return typeof missing === 'number' ? missing : blankCell(column, missing, line);
    },
    category(
      column: string,
      missing: MissingRule,
      texts: ReadonlyMap<string, number>,
      written: string,
      line: number,
    ): number | undefined {
      const text = written.trim();
      const place = texts.get(text) ?? (blanks.has(text) ? texts.get('') : undefined);
      if (place !== undefined) return place;
      if (blanks.has(text)) return blankCell(column, missing, line);
      return refuse(column, text, line, `, but its categories are ${listed([...texts.keys()])}.`);
    },
    label({ label, labelMissing }: CsvLayout, written: string, line: number): number | undefined {
      const text = written.trim();
      if (blanks.has(text) && !places.has(text)) return blankCell(label, labelMissing, line);
      if (typeof classes === 'object') {
        return places.get(text) ?? refuse(label, text, line, `, but the classes are ${listed(classes)}.`);
      }
      const value = parseNumber(text, decimal);
      if (classes === undefined) return numberIn(label, text, line);
      if (value === undefined || !Number.isInteger(value)) {
        return refuse(label, text, line, '; labels are whole numbers from 0. List texts as classes.');
      }
      if (value >= 0 && value < classes) return value;
      return refuse(label, text, line, `, but the ${classes} classes are 0 to ${classes - 1}.`);
    },
  };
}

/** A number as people write it in tables; undefined for anything else, and for what float32 does not hold. */
export function parseNumber(text: string, decimal: '.' | ','): number | undefined {
  const plain = decimal === ',' ? text.replace(',', '.') : text;
  if (decimal === ',' && text.includes('.')) return undefined;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(Math.fround(value)) ? value : undefined;
}

const LISTED_MAX = 12;

function listed(texts: readonly string[]): string {
  const shown = texts.slice(0, LISTED_MAX).map((text) => (text === '' ? "''" : text));
  return shown.join(', ') + (texts.length > LISTED_MAX ? ` and ${texts.length - LISTED_MAX} others` : '');
}
