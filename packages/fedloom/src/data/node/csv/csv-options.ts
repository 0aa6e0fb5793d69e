import { checkHeldOut, type HeldOut, isHeldOut, isTest } from '../../held-out.js';
import {
  checkOptions,
  isCount,
  isFilledList,
  isName,
  isNumber,
  isRecord,
  isText,
  isTexts,
  type OptionCheck,
  optionError,
} from '../../reader-options.js';
import type { FilePlace } from '../files.js';

/** What the numbers of a column are brought to mean 0 and deviation 1 with: (value - mean) / deviation. */
export interface ColumnStatistics {
  readonly mean: number;
  /** The square root of the mean squared distance from the mean. 0, of a column that is always the same, counts as 1. */
  readonly deviation: number;
}

/**
 * What becomes of a blank cell: an error; its row is dropped; it stands for the column's mean, which `standardize` must know;
 * or it stands for this number.
 */
export type MissingRule = 'refuse' | 'drop' | 'mean' | number;

export interface CsvOptions {
  /** The column that the model is to tell. */
  readonly label: string;
  /**
   * What it tells apart: the texts of the label in the order of their classes, or how many classes there are, if labels are whole
   * numbers from 0. Default: the label is a number to regress, y is float32 `[rows, 1]`.
   */
  readonly classes?: number | readonly string[];
  /** Default: the name of the file without its ending. */
  readonly name?: string;
  /** The columns that the model sees, in this order. Default: all but the label and those ignored, in the order of the file. */
  readonly inputs?: readonly string[];
  /** Columns that the model does not see; `byColumn` may deal by them. */
  readonly ignore?: readonly string[];
  /**
   * The texts that may stand in a column: it becomes one input for each, which is 1 where it stands and 0 elsewhere. All other
   * columns hold numbers. With `''` among the texts, blank is one of them.
   */
  readonly categories?: Readonly<Record<string, readonly string[]>>;
  /**
   * Mean and deviation of the columns to standardize, fixed by the task; `npx fedloom statistics` prints them. `true`: all columns
   * of numbers, with those of the training rows of this file; see `learned` of `Dataset` for what that excludes. Default false.
   */
  readonly standardize?: boolean | Readonly<Record<string, ColumnStatistics>>;
  /** What means blank, beside cells with nothing in them: `['NA', '?']`. */
  readonly blank?: readonly string[];
  /** For all columns, or by column; a column that is not named refuses. Default `refuse`. */
  readonly missing?: MissingRule | Readonly<Record<string, MissingRule>>;
  /** Between cells. Default: of comma, semicolon, tab and bar the one that the first line has most of. */
  readonly separator?: string;
  /** What numbers have between the whole and the fraction. Default `.`. */
  readonly decimal?: '.' | ',';
  /** Another file with test rows, whose columns may be in another order, or a share to hold out. Default: no test rows. */
  readonly test?: FilePlace | HeldOut;
}

const isRule = (value: unknown): boolean => isNumber(value) || ['refuse', 'drop', 'mean'].includes(value as string);
const isStatistics = (value: unknown): boolean =>
  isRecord(value) && isNumber(value.mean) && isNumber(value.deviation) && value.deviation >= 0;

const CHECKS: Readonly<Record<keyof CsvOptions, OptionCheck>> = {
  label: [isName, 'the name of a column'],
  classes: [
    (value) => isFilledList(value) || isCount(value),
    'how many classes there are, or a list of their names, each once',
  ],
  name: [isName, 'a text'],
  inputs: [isFilledList, 'a list of columns, each once'],
  ignore: [isTexts, 'a list of columns, each once'],
  categories: [
    (value) => isRecord(value) && Object.values(value).every(isFilledList),
    "lists of texts by column, each text once, such as { sex: ['f', 'm'] }",
  ],
  standardize: [
    (value) => typeof value === 'boolean' || (isRecord(value) && Object.values(value).every(isStatistics)),
    'true, false, or numbers by column, such as { age: { mean: 52.1, deviation: 11.6 } }',
  ],
  blank: [isTexts, "a list of texts, such as ['NA']"],
  missing: [
    (value) => isRule(value) || (isRecord(value) && Object.values(value).every(isRule)),
    "'refuse', 'drop', 'mean' or a number, or one of them by column",
  ],
  separator: [(value) => isText(value) && value.length === 1 && !/["\r\n]/.test(value), 'a single character'],
  decimal: [(value) => value === '.' || value === ',', "'.' or ','"],
  test: [isTest, 'a file, or { share: 0.2 }'],
};

/** @throws FedloomError `data.option`, naming the first option at fault */
export function checkCsvOptions(options: CsvOptions, reader: string): void {
  checkOptions(options, CHECKS, reader, ['label']);
  const { label, inputs, ignore, categories, test, separator, decimal } = options;
  if (inputs !== undefined && ignore !== undefined) {
    throw optionError(reader, 'ignore', 'inputs names the columns that the model sees: leave out ignore.');
  }
  if (inputs?.includes(label)) throw optionError(reader, 'inputs', `the label "${label}" is among the inputs.`);
  if (categories !== undefined && label in categories) {
    throw optionError(reader, 'categories', `"${label}" is the label: give its texts as classes, not as categories.`);
  }
  if (separator !== undefined && separator === decimal) {
    throw optionError(reader, 'decimal', 'separator and decimal are the same.');
  }
  if (isHeldOut(test)) checkHeldOut(test, reader);
}
