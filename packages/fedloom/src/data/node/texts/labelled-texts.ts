import { FedloomError } from '@fedloom/engine';
import type { Examples, SampleColumn } from '../../dataset.js';
import { holdOut, isHeldOut } from '../../held-out.js';
import { ascending } from '../../partition.js';
import { chosenColumns, toLabels } from '../csv/csv-examples.js';
import { type CsvLayout, requireColumns } from '../csv/csv-layout.js';
import { type CsvRows, readRows } from '../csv/csv-rows.js';
import { fault } from '../csv/csv-table.js';
import { type FilePlace, pathOf, shown } from '../files.js';
import type { LabelledTextsOptions } from './text-options.js';
import { encodingOf, type TextContents, toTokens, vocabularyFor } from './token-tensors.js';

/** A table's rows and the text of each. */
interface TextRows extends CsvRows {
  readonly texts: readonly string[];
}

/** Reads texts with labels from a table. @throws FedloomError `data.*` with file and line */
export async function readLabelledTexts(
  file: FilePlace,
  folder: string | undefined,
  options: LabelledTextsOptions,
): Promise<TextContents> {
  const { label, classes, length, by = 'words', test } = options;
  const path = pathOf(file, folder);
  const rows = await readTexts(path, options);
  const held = isHeldOut(test) ? holdOut(rows.count, test, shown(path)) : undefined;
  const train = held?.train ?? ascending(rows.count);
  const chosenTexts = Array.from(train, (row) => rows.texts[row] ?? '');
  const vocabulary = vocabularyFor(options, chosenTexts);
  const toExamples = (from: TextRows, chosen: Int32Array): Examples => ({
    x: toTokens(
      Array.from(chosen, (row) => from.texts[row] ?? ''),
      vocabulary,
      options,
    ),
    y: toLabels(from, chosen, classes),
    columns: chosenColumns(from.others, chosen),
  });
  const testRows = test === undefined || isHeldOut(test) ? undefined : await readTexts(pathOf(test, folder), options);
  return {
    vocabulary,
    ...(Array.isArray(classes) && { names: { classes: classes.map(String) } }),
    spec: {
      x: { dtype: 'int32', shape: [length] },
      y:
        classes === undefined
          ? { dtype: 'float32', shape: [1] }
          : { dtype: 'int32', shape: [], classes: typeof classes === 'number' ? classes : classes.length },
      encoding: encodingOf({ by, vocabulary, length, label, classes }),
    },
    train: toExamples(rows, train),
    test:
      testRows === undefined
        ? toExamples(rows, held?.test ?? new Int32Array(0))
        : toExamples(testRows, ascending(testRows.count)),
  };
}

async function readTexts(path: string, options: LabelledTextsOptions): Promise<TextRows> {
  const { text, label, missing = 'refuse' } = options;
  const rows = await readRows(path, options, (columns) => {
    requireColumns(path, columns, [text, label]);
    return { inputs: [], label, labelMissing: missing, others: columns.filter((name) => name !== label) };
  });
  const { values, codes } = rows.others.get(text) ?? { values: [], codes: new Int32Array(0) };
  const blank = codes.indexOf(values.indexOf(''));
  if (values.includes('') && missing === 'refuse') {
    throw fault(path, rows.lines[blank] ?? 0, `column "${text}" is blank. Say missing: 'drop', or mend the file.`);
  }
  const kept = ascending(rows.count).filter((row) => values[codes[row] ?? 0] !== '');
  if (kept.length === 0) throw new FedloomError('data.empty', `${shown(path)} has no rows with a text and a label.`);
  return {
    ...rows,
    count: kept.length,
    labels: Array.from(kept, (row) => rows.labels[row] ?? 0),
    others: chosenColumns(withoutTexts(rows.others, text), kept),
    texts: Array.from(kept, (row) => values[codes[row] ?? 0] ?? ''),
  };
}

/** The texts of another table, whose labels are asked for: each row's, blank or not. @throws FedloomError `data.*` */
export async function readUnlabelledTexts(path: string, options: LabelledTextsOptions): Promise<readonly string[]> {
  const { text, label } = options;
  const asTexts = (columns: readonly string[]): CsvLayout => {
    requireColumns(path, columns, [text]);
    return { inputs: [], label, labelMissing: 'refuse', others: [text] };
  };
  const { others } = await readRows(path, options, asTexts, false);
  const { values, codes } = others.get(text) ?? { values: [], codes: new Int32Array(0) };
  return Array.from(codes, (code) => values[code] ?? '');
}

/** Without the texts themselves: nobody deals by them. */
function withoutTexts(columns: ReadonlyMap<string, SampleColumn>, text: string): ReadonlyMap<string, SampleColumn> {
  return new Map([...columns].filter(([name]) => name !== text));
}
