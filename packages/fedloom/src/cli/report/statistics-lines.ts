import type { ColumnDescription, DataDescription } from '../../data/description.js';
import { counted, cut, formatCount } from './format.js';
import type { Screen } from './screen.js';
import { table } from './table.js';

const NUMBER_DIGITS = 5;
/** A longer list of texts is cut. */
const VALUES_WIDTH = 60;

/** A description for people: what there is, and what to paste into the task. */
export function statisticsLines(
  source: string,
  description: DataDescription,
  screen: Pick<Screen, 'tableColumns' | 'colors'>,
): string[] {
  const { samples, columns, label, ignored = [] } = description;
  const role = (name: string) => (name === label ? ' (label)' : ignored.includes(name) ? ' (ignored)' : '');
  const rows = columns.map((column) => ({
    column: column.name + role(column.name),
    blank: column.blank === 0 ? '' : formatCount(column.blank),
    values: valuesOf(column),
  }));
  const paste = pasteLines(description);
  return [
    `${source}: ${counted(samples, 'training sample')}`,
    '',
    ...columnLines(rows, screen),
    ...(paste.length === 0 ? [] : ['', screen.colors.dim('To fix them in the task:'), '', ...paste]),
  ];
}

interface Row {
  readonly column: string;
  readonly blank: string;
  readonly values: string;
}

/** A table, or on narrow screens two lines a column. */
function columnLines(rows: readonly Row[], screen: Pick<Screen, 'tableColumns' | 'colors'>): string[] {
  if (rows.length === 0) return [];
  const lines = table(rows, [{ field: 'column' }, { field: 'blank', right: true }, { field: 'values' }], screen);
  if (lines[0]?.includes('values')) return lines;
  return rows.flatMap(({ column, blank, values }) => [
    column + (blank === '' ? '' : `, ${blank} blank`),
    `  ${cut(values, screen.tableColumns - 2)}`,
  ]);
}

/** Options of a reader, as they stand in a task file. */
function pasteLines({ columns, label, ignored = [], vocabulary, encoded }: DataDescription): string[] {
  if (encoded) return [];
  if (vocabulary !== undefined) return [`vocabulary: ${list(vocabulary)},`];
  const seen = columns.filter(({ name }) => name !== label && !ignored.includes(name));
  const classes = columns.find(({ name, kind }) => name === label && kind === 'texts');
  const categories = seen.flatMap((column) => {
    if (column.kind !== 'texts' || column.texts === undefined) return [];
    // Blank is one of them, or a matter of `missing`.
    return [`  ${key(column.name)}: ${list(Object.keys(column.texts))},`];
  });
  const numbers = seen.flatMap((column) =>
    column.kind === 'numbers' && column.count > 0
      ? [`  ${key(column.name)}: { mean: ${column.mean}, deviation: ${column.deviation} },`]
      : [],
  );
  const blank = new Set(seen.flatMap((column) => (column.kind === 'numbers' ? Object.keys(column.texts ?? {}) : [])));
  const free = seen.filter((column) => column.kind === 'texts' && column.texts === undefined);
  return [
    ...(classes?.kind === 'texts' && classes.texts !== undefined
      ? [`classes: ${list(Object.keys(classes.texts))},`]
      : []),
    ...(blank.size === 0 ? [] : [`blank: ${list([...blank])},`]),
    ...block('categories', categories),
    ...block('standardize', numbers),
    ...(free.length === 0 ? [] : [`ignore: ${list([...ignored, ...free.map(({ name }) => name)])},`]),
  ];
}

function block(option: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${option}: {`, ...lines, '},'];
}

function valuesOf(column: ColumnDescription): string {
  if (column.count === 0) return 'nothing but blanks';
  if (column.kind === 'numbers') {
    const [least, most, mean, deviation] = [column.minimum, column.maximum, column.mean, column.deviation].map(short);
    const among = Object.entries(column.texts ?? {}).map(
      ([text, count]) => `, and ${quoted(text)} ${formatCount(count)}`,
    );
    return `${least} to ${most}, mean ${mean}, deviation ${deviation}${among.join('')}`;
  }
  if (column.texts === undefined) return `${formatCount(column.distinct)} different texts`;
  const each = Object.entries(column.texts).map(([text, count]) => `${text} ${formatCount(count)}`);
  return cut(each.join(', '), VALUES_WIDTH);
}

function short(value: number): string {
  return String(Number(value.toPrecision(NUMBER_DIGITS)));
}

function list(texts: readonly string[]): string {
  return `[${texts.map(quoted).join(', ')}]`;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
