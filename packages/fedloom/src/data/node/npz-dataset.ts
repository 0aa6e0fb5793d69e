import { basename, extname } from 'node:path';
import { type ArraySplit, arrays } from '../arrays.js';
import { checkHeldOut, type HeldOut, holdOut, isHeldOut, isTest } from '../held-out.js';
import { checkOptions, isCount, isName, isNumber, isRecord, type OptionCheck } from '../reader-options.js';
import { rowsOf } from '../rows-of.js';
import { type FileContents, type FileDataset, fileDataset } from './file-dataset.js';
import { type FilePlace, pathOf, shown } from './files.js';

/** Names of arrays in a file. */
export interface NpzNames {
  readonly x: string;
  readonly y: string;
}

export interface NpzOptions {
  /** The array of the samples, its first axis counts them. Default `x`. */
  readonly x?: string;
  /** The array of labels or targets. Default `y`. */
  readonly y?: string;
  /** How many classes the labels tell apart. Default: `y` holds targets to regress. */
  readonly classes?: number;
  /** The model sees x times this, for instance 1/255 for images in uint8. Default 1. */
  readonly scale?: number;
  /** Default: the name of the file without its ending. */
  readonly name?: string;
  /** Another file with the same names, other names in this file, or a share to hold out. Default: no test samples. */
  readonly test?: FilePlace | NpzNames | HeldOut;
}

const isNames = (value: unknown): value is NpzNames => isRecord(value) && isName(value.x) && isName(value.y);

const CHECKS: Readonly<Record<keyof NpzOptions, OptionCheck>> = {
  x: [isName, 'the name of an array'],
  y: [isName, 'the name of an array'],
  classes: [isCount, 'how many classes there are'],
  scale: [isNumber, 'a finite number'],
  name: [isName, 'a text'],
  test: [(value) => isTest(value) || isNames(value), "a file, { x: 'x_test', y: 'y_test' }, or { share: 0.2 }"],
};

/**
 * A data set from arrays that numpy wrote, with `savez` or `savez_compressed`. dtypes are kept as `arrays` keeps those of typed arrays.
 * @throws FedloomError `data.option` at once; on loading `data.file`, `data.npz` naming file and array, and what `arrays` throws
 */
export function npz(file: FilePlace, options: NpzOptions = {}): FileDataset {
  const reader = `npz('${file}')`;
  checkOptions(options, CHECKS, reader);
  if (isHeldOut(options.test)) checkHeldOut(options.test, reader);
  const { contents: _contents, ...dataset } = fileDataset({
    name: options.name ?? basename(String(file), extname(String(file))),
    learned: [],
    read: (folder) => readContents(file, folder, options),
    describe: async (contents) => {
      const [{ train, spec }, { describeExamples }] = await Promise.all([contents(), import('../describe.js')]);
      return describeExamples(train, spec);
    },
  });
  return Object.freeze(dataset);
}

async function readContents(file: FilePlace, folder: string | undefined, options: NpzOptions): Promise<FileContents> {
  const { x = 'x', y = 'y', classes, scale, test } = options;
  const path = pathOf(file, folder);
  const names = { x, y };
  const [train, tests] = await Promise.all([readSplit(path, names), readTest(path, folder, names, test)]);
  const dataset = arrays({
    name: shown(path),
    train,
    ...(tests && { test: tests }),
    ...(classes !== undefined && { classes }),
    ...(scale !== undefined && { scale }),
  });
  const [spec, all, none] = await Promise.all([dataset.spec(), dataset.load('train'), dataset.load('test')]);
  if (!isHeldOut(test)) return { spec, train: all, test: none };
  const held = holdOut(all.x.shape[0] ?? 0, test, shown(path));
  return { spec, train: rowsOf(all, held.train), test: rowsOf(all, held.test) };
}

async function readTest(
  path: string,
  folder: string | undefined,
  names: NpzNames,
  test: NpzOptions['test'],
): Promise<ArraySplit | undefined> {
  if (test === undefined || isHeldOut(test)) return undefined;
  return isNames(test) ? readSplit(path, test) : readSplit(pathOf(test, folder), names);
}

async function readSplit(path: string, { x, y }: NpzNames): Promise<ArraySplit> {
  const { readNpz } = await import('./read-npz.js');
  const [samples, labels] = await readNpz(path, [x, y]);
  return { x: samples, y: labels };
}
