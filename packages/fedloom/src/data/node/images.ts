import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import { didYouMean } from '../../core/closest.js';
import { sha256 } from '../../core/node/sha256.js';
import type { Examples } from '../dataset.js';
import { describeTexts } from '../describe.js';
import { checkHeldOut, type HeldOut, holdOut, isHeldOut, isTest } from '../held-out.js';
import { checkOptions, isCount, isFilledList, isName, type OptionCheck } from '../reader-options.js';
import { rowsOf } from '../rows-of.js';
import { sharedTensor } from '../tensor-sharing.js';
import { type FileContents, type FileDataset, type FileReader, fileDataset } from './file-dataset.js';
import { type FilePlace, pathOf, readBytes, shown, unreadable } from './files.js';
import { decodePicture, imageError, type Pixels } from './pictures.js';
import { resized } from './resize.js';

export interface ImagesOptions {
  /** Height and width of the pictures in pixels. */
  readonly size: readonly [height: number, width: number];
  /** 3: red, green and blue (default). 1: grey. */
  readonly channels?: 1 | 3;
  /** Scales pictures of other sizes; without it they are refused. Default false. */
  readonly resize?: boolean;
  /** The subfolders in the order of their classes, fixed by the task. Default: those that are there, in the order of their names. */
  readonly classes?: readonly string[];
  /** Default: the name of the folder. */
  readonly name?: string;
  /** Another folder with subfolders of the same names, or a share to hold out. Default: no test pictures. */
  readonly test?: FilePlace | HeldOut;
}

/** A data set of pictures. */
export interface ImageDataset extends FileDataset {
  inFolder(folder: string): ImageDataset;
  /**
   * Other pictures as the model sees them, x uint8 `[pictures, channels, height, width]`: to predict what they show.
   * @param files relative ones begin in the working folder
   * @throws FedloomError `data.file`, `data.image`, naming the file
   */
  inputsOf(files: readonly FilePlace[]): Promise<Tensor>;
}

/**
 * A data set of pictures: JPEG and PNG files in a folder with a subfolder for each class, as torchvision's `ImageFolder` reads them. x
 * is uint8 `[pictures, channels, height, width]` with scale 1/255, y the class. Files are taken by class, in the order of their names.
 * Opacity is left out; grey is 0.299 red + 0.587 green + 0.114 blue, rounded (Rec. ITU-R BT.601). Names that begin with a dot are
 * passed over.
 * @throws FedloomError `data.option` at once; on loading `data.file`, `data.folder`, `data.image`, naming the file
 */
export function images(folder: FilePlace, options: ImagesOptions): ImageDataset {
  const reader = `images('${folder}')`;
  checkOptions(options, CHECKS, reader, ['size']);
  if (isHeldOut(options.test)) checkHeldOut(options.test, reader);
  const asFiles: FileReader<ImageContents> = {
    name: options.name ?? basename(typeof folder === 'string' ? folder : pathOf(folder, undefined)),
    learned: options.classes === undefined ? ['classes by the names of the subfolders'] : [],
    read: (home) => readContents(pathOf(folder, home), options, home),
    describe: async (contents) => {
      const { classes, train } = await contents();
      const names = Array.from(train.y.data as Int32Array, (label) => classes[label]);
      return { samples: names.length, columns: [describeTexts('class', names)], label: 'class' };
    },
  };
  const datasetIn = (home?: string): ImageDataset => {
    const { contents: _contents, ...dataset } = fileDataset(asFiles, home);
    return Object.freeze({
      ...dataset,
      inFolder: datasetIn,
      inputsOf: (files: readonly FilePlace[]) => readPictures(files, options),
    });
  };
  return datasetIn();
}

interface ImageContents extends FileContents {
  readonly classes: readonly string[];
}

async function readContents(path: string, options: ImagesOptions, home: string | undefined): Promise<ImageContents> {
  const { size, channels = 3, test } = options;
  const classes = options.classes ?? (await subfolders(path));
  const spec: DataSpec = {
    x: { dtype: 'uint8', shape: [channels, ...size], scale: 1 / 255 },
    y: { dtype: 'int32', shape: [], classes: classes.length },
    encoding: sha256(new TextEncoder().encode(JSON.stringify({ classes }))),
  };
  const all = await readFolder(path, classes, options);
  if (test === undefined) return { classes, spec, train: all, test: rowsOf(all, new Int32Array(0)) };
  if (!isHeldOut(test))
    return { classes, spec, train: all, test: await readFolder(pathOf(test, home), classes, options) };
  const held = holdOut(all.x.shape[0] ?? 0, test, shown(path));
  return { classes, spec, train: rowsOf(all, held.train), test: rowsOf(all, held.test) };
}

async function readFolder(path: string, classes: readonly string[], options: ImagesOptions): Promise<Examples> {
  const present = await subfolders(path);
  const stranger = present.find((name) => !classes.includes(name));
  if (stranger !== undefined) {
    const guess = didYouMean(stranger, classes) || ` The classes are ${classes.join(', ')}.`;
    throw folderError(path, `has a subfolder "${stranger}", which is no class.${guess}`);
  }
  // A site, or a test, may have nothing of a class.
  const labelled = [...classes.entries()].filter(([, name]) => present.includes(name));
  const files = (await Promise.all(labelled.map(([label, name]) => filesOf(join(path, name), label)))).flat();
  if (files.length === 0) throw folderError(path, 'holds no pictures in its subfolders.');
  const paths = files.map(({ file }) => file);
  const y = sharedTensor('int32', [files.length]);
  for (const [at, { label }] of files.entries()) y.data[at] = label;
  return { x: await readPictures(paths, options), y };
}

async function readPictures(files: readonly FilePlace[], options: ImagesOptions): Promise<Tensor> {
  const { size, channels = 3, resize = false } = options;
  const x = sharedTensor('uint8', [files.length, channels, ...size]);
  const bytes = channels * size[0] * size[1];
  for (const [at, place] of files.entries()) {
    const file = pathOf(place, undefined);
    const pixels = fitting(await decodePicture(await readBytes(file), file), size, resize, file);
    copyPlanes(pixels, channels, (x.data as Uint8Array).subarray(at * bytes, (at + 1) * bytes));
  }
  return x;
}

/** Names of the subfolders in the order of their UTF-16 units, the same everywhere. */
async function subfolders(path: string): Promise<readonly string[]> {
  const entries = await entriesOf(path);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const [lost] = entries.filter((entry) => !entry.isDirectory());
  if (names.length > 0 && lost === undefined) return names.sort();
  if (lost === undefined) throw folderError(path, 'is empty. It must hold a subfolder of pictures for each class.');
  const where = `${shown(join(path, lost.name))} lies in no subfolder, and so has no class.`;
  throw new FedloomError('data.folder', `${where} Pictures belong into a subfolder for each class.`, { path });
}

async function filesOf(path: string, label: number): Promise<{ readonly file: string; readonly label: number }[]> {
  const entries = await entriesOf(path);
  const folder = entries.find((entry) => entry.isDirectory());
  if (folder !== undefined) {
    throw folderError(
      path,
      `holds another folder, "${folder.name}". Pictures lie in the subfolder of their class itself.`,
    );
  }
  return entries
    .map(({ name }) => name)
    .sort()
    .map((name) => ({ file: join(path, name), label }));
}

async function entriesOf(path: string) {
  try {
    return (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function fitting(pixels: Pixels, [height, width]: ImagesOptions['size'], resize: boolean, file: string): Pixels {
  if (pixels.height === height && pixels.width === width) return pixels;
  if (resize) return resized(pixels, height, width);
  const found = `${pixels.height} x ${pixels.width}`;
  throw imageError(
    file,
    `is ${found} pixels (height x width), but size says ${height} x ${width}. With resize: true such pictures are scaled.`,
  );
}

/** One channel after the other, each row by row, as convolutions take them. */
function copyPlanes({ rgba }: Pixels, channels: 1 | 3, into: Uint8Array): void {
  const area = into.length / channels;
  for (let pixel = 0; pixel < area; pixel++) {
    const at = 4 * pixel;
    const [red = 0, green = 0, blue = 0] = [rgba[at], rgba[at + 1], rgba[at + 2]];
    if (channels === 1) {
      into[pixel] = Math.floor((299 * red + 587 * green + 114 * blue + 500) / 1000);
    } else {
      into[pixel] = red;
      into[area + pixel] = green;
      into[2 * area + pixel] = blue;
    }
  }
}

function folderError(path: string, what: string): FedloomError {
  return new FedloomError('data.folder', `${shown(path)} ${what}`, { path });
}

const isSize = (value: unknown) => Array.isArray(value) && value.length === 2 && value.every(isCount);

const CHECKS: Readonly<Record<keyof ImagesOptions, OptionCheck>> = {
  size: [isSize, 'height and width of the pictures, such as [32, 32]'],
  channels: [(value) => value === 1 || value === 3, '1 or 3'],
  resize: [(value) => typeof value === 'boolean', 'true or false'],
  classes: [isFilledList, 'a list of names of subfolders, each once'],
  name: [isName, 'a text'],
  test: [isTest, 'a folder, or { share: 0.2 }'],
};
