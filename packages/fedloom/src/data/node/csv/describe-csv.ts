import { describeNumbers, describeTexts } from '../../describe.js';
import type { ColumnDescription, DataDescription } from '../../description.js';
import { holdOut, isHeldOut } from '../../held-out.js';
import { ascending } from '../../partition.js';
import { shown } from '../files.js';
import type { CsvOptions, MissingRule } from './csv-options.js';
import { type CellOptions, parseNumber } from './csv-rows.js';
import { readTable } from './csv-table.js';

/**
 * What stands in the columns of a file, whether or not the options that there are fit it: to choose the others by. Where they say so, of
 * the training rows alone, so that means and deviations are to the bit those that `standardize: true` takes.
 * @throws FedloomError `data.file`, `data.csv`
 */
export async function describeCsv(
  path: string,
  options: Partial<CsvOptions> & Pick<CellOptions, 'read'>,
): Promise<DataDescription> {
  const { read = readTable, blank = [], decimal = '.', label, test, inputs, ignore = [] } = options;
  const blanks = new Set(['', ...blank]);
  let names: readonly string[] = [];
  const rows: string[][] = [];
  await read(path, options.separator, {
    header(columns) {
      names = columns;
    },
    row(cells) {
      const texts = cells.map((cell) => cell.trim());
      const dropped = texts.some((text, at) => blanks.has(text) && drops(options, names[at] ?? ''));
      if (!dropped) rows.push(texts);
    },
  });
  const train = isHeldOut(test) ? holdOut(rows.length, test, shown(path)).train : ascending(rows.length);
  const columns = names.map((name, at): ColumnDescription => {
    const cells = Array.from(train, (row) => rows[row]?.[at] ?? '').map((text) =>
      blanks.has(text) ? undefined : text,
    );
    const numbers = cells.map((text) => (text === undefined ? Number.NaN : parseNumber(text, decimal)));
    const isClass = name === label && options.classes !== undefined;
    if (options.categories?.[name] !== undefined || isClass) return describeTexts(name, cells);
    const texts = cells.filter((_text, place) => numbers[place] === undefined);
    const count = cells.filter((text) => text !== undefined).length;
    if (count === 0 || new Set(texts).size > STRANGERS_MAX || 2 * texts.length > count)
      return describeTexts(name, cells);
    const strangers = describeTexts(name, texts).texts ?? {};
    const described = describeNumbers(
      name,
      numbers.map((value) => value ?? Number.NaN),
    );
    return texts.length === 0 ? described : { ...described, texts: strangers };
  });
  const ignored = names.filter(
    (name) => name !== label && (inputs === undefined ? ignore.includes(name) : !inputs.includes(name)),
  );
  return { samples: train.length, columns, ignored, ...(label !== undefined && { label }) };
}

/** A column of numbers may have so many different texts that stand for what is missing, such as `NA` and `?`. */
const STRANGERS_MAX = 3;

/** Whether a blank cell of this column drops its row. */
function drops(
  { missing = 'refuse', label, inputs, ignore = [], categories = {} }: Partial<CsvOptions>,
  name: string,
): boolean {
  const isOther = inputs === undefined ? ignore.includes(name) : !inputs.includes(name);
  if (name !== label && isOther) return false;
  // Blank may be one of the categories.
  if (categories[name]?.includes('') === true) return false;
  const rule: MissingRule = typeof missing === 'object' ? (missing[name] ?? 'refuse') : missing;
  return rule === 'drop';
}
