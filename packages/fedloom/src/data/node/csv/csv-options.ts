import { FedloomError } from '@fedloom/engine';
import { didYouMean } from '../../../core/closest.js';
import { checkHeldOut, type HeldOut } from '../../held-out.js';
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

const isText = (value: unknown): value is string => typeof value === 'string';
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every(isText) && new Set(value).size === value.length;
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isRule = (value: unknown): boolean => isNumber(value) || ['refuse', 'drop', 'mean'].includes(value as string);
const isStatistics = (value: unknown): boolean =>
  isRecord(value) && isNumber(value.mean) && isNumber(value.deviation) && value.deviation >= 0;

type Check = readonly [holds: (value: unknown) => boolean, mustBe: string];

const CHECKS: Readonly<Record<keyof CsvOptions, Check>> = {
  label: [(value) => isText(value) && value !== '', 'the name of a column'],
  classes: [
    (value) =>
      (isTexts(value) && (value as string[]).length > 0) || (Number.isSafeInteger(value) && Number(value) >= 1),
    'how many classes there are, or a list of their names, each once',
  ],
  name: [(value) => isText(value) && value !== '', 'a text'],
  inputs: [(value) => isTexts(value) && (value as string[]).length > 0, 'a list of columns, each once'],
  ignore: [isTexts, 'a list of columns, each once'],
  categories: [
    (value) => isRecord(value) && Object.values(value).every((list) => isTexts(list) && (list as string[]).length > 0),
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
  test: [
    (value) => isText(value) || value instanceof URL || (isRecord(value) && 'share' in value),
    'a file, or { share: 0.2 }',
  ],
};

/** @throws FedloomError `data.option`, naming the first option at fault */
export function checkCsvOptions(options: CsvOptions, reader: string): void {
  if (!isRecord(options)) throw problem(reader, 'label', `options are missing, such as { label: 'outcome' }.`);
  for (const [option, value] of Object.entries(options)) {
    const check = CHECKS[option as keyof CsvOptions];
    if (check === undefined) {
      throw problem(reader, option, `there is no option ${option}.${didYouMean(option, Object.keys(CHECKS))}`);
    }
    if (value !== undefined && !check[0](value)) throw problem(reader, option, `${option} must be ${check[1]}.`);
  }
  const { label, inputs, ignore, categories, test, separator, decimal } = options;
  if (label === undefined) throw problem(reader, 'label', 'label is missing: the name of the column to tell.');
  if (inputs !== undefined && ignore !== undefined) {
    throw problem(reader, 'ignore', 'inputs names the columns that the model sees: leave out ignore.');
  }
  if (inputs?.includes(label)) throw problem(reader, 'inputs', `the label "${label}" is among the inputs.`);
  if (categories !== undefined && label in categories) {
    throw problem(reader, 'categories', `"${label}" is the label: give its texts as classes, not as categories.`);
  }
  if (separator !== undefined && separator === decimal) {
    throw problem(reader, 'decimal', 'separator and decimal are the same.');
  }
  if (typeof test === 'object' && !(test instanceof URL)) checkHeldOut(test, reader);
}

function problem(reader: string, option: string, what: string): FedloomError {
  return new FedloomError('data.option', `${reader}: ${what}`, { reader, option });
}
