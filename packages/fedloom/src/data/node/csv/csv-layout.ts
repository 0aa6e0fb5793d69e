import { FedloomError } from '@fedloom/engine';
import { didYouMean } from '../../../core/closest.js';
import { optionError } from '../../reader-options.js';
import { shown } from '../files.js';
import type { CsvOptions, MissingRule } from './csv-options.js';

/** A column that the model sees. */
export interface InputColumn {
  readonly name: string;
  /** Of a category, what may stand in it; absent: it holds numbers. */
  readonly texts?: readonly string[];
  readonly missing: MissingRule;
}

/** What the columns of a table are for. */
export interface CsvLayout {
  readonly inputs: readonly InputColumn[];
  readonly label: string;
  readonly labelMissing: MissingRule;
  /** Those that the model does not see, to deal by. */
  readonly others: readonly string[];
}

/**
 * What each column is for, as the options and the first line of a file say it.
 * @throws FedloomError `data.column` for names that the file does not have, `data.option` for rules that a column cannot follow
 */
export function layoutOf(path: string, columns: readonly string[], options: CsvOptions, reader: string): CsvLayout {
  const { label, inputs, ignore = [], categories = {}, standardize = false, missing = 'refuse' } = options;
  const byColumn = typeof missing === 'object' ? missing : {};
  const named = [label, ...(inputs ?? []), ...ignore, ...Object.keys(categories), ...Object.keys(byColumn)];
  if (typeof standardize === 'object') named.push(...Object.keys(standardize));
  requireColumns(path, columns, named);
  const isOther = (name: string) => (inputs === undefined ? ignore.includes(name) : !inputs.includes(name));
  const rule = (name: string): MissingRule => (typeof missing === 'object' ? (missing[name] ?? 'refuse') : missing);
  const seen = inputs ?? columns.filter((name) => name !== label && !isOther(name));
  if (seen.length === 0) throw optionError(reader, 'ignore', 'no column is left for the model to see.');
  for (const name of typeof standardize === 'object' ? Object.keys(standardize) : []) {
    if (categories[name] === undefined && seen.includes(name)) continue;
    throw optionError(
      reader,
      'standardize',
      `"${name}" is no column of numbers that the model sees: it cannot be standardized.`,
    );
  }
  return {
    inputs: seen.map((name) => {
      const texts = categories[name];
      const column = { name, missing: rule(name), ...(texts && { texts }) };
      checkRule(column, standardize, typeof missing === 'object', reader);
      return column;
    }),
    label,
    // Neither a mean nor a number may stand for what is to be told.
    labelMissing: rule(label) === 'drop' ? 'drop' : 'refuse',
    others: columns.filter((name) => name !== label && isOther(name)),
  };
}

/** @throws FedloomError `data.column`, naming the file and its columns */
export function requireColumns(path: string, columns: readonly string[], wanted: readonly string[]): void {
  const column = wanted.find((name) => !columns.includes(name));
  if (column === undefined) return;
  const guess = didYouMean(column, columns) || ` It has ${columns.join(', ')}.`;
  const separator =
    columns.length === 1 ? ' If these are several columns, say what stands between them: separator.' : '';
  throw new FedloomError('data.column', `${shown(path)} has no column "${column}".${guess}${separator}`, {
    path,
    column,
  });
}

/** A rule for one column must fit it; one for all columns is a rule for those that it fits. */
function checkRule(
  { name, texts, missing }: InputColumn,
  standardize: NonNullable<CsvOptions['standardize']>,
  own: boolean,
  reader: string,
): void {
  if (texts !== undefined && own && (missing === 'mean' || typeof missing === 'number')) {
    throw optionError(
      reader,
      'missing',
      `"${name}" holds texts: let blank cells drop their rows, or add '' to its categories.`,
    );
  }
  if (texts !== undefined || missing !== 'mean') return;
  const known = typeof standardize === 'object' ? standardize[name] !== undefined : standardize;
  if (known) return;
  throw optionError(
    reader,
    'missing',
    `blank cells of "${name}" cannot be its mean, which standardize does not know. Give a number.`,
  );
}
