import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import { didYouMean } from '../../core/closest.js';
import { sha256 } from '../../core/node/sha256.js';
import type { Examples } from '../dataset.js';
import { holdOut, isHeldOut } from '../held-out.js';
import { rowsOf } from '../rows-of.js';
import { sharedTensor } from '../tensor-sharing.js';
import type { FileContents } from './file-dataset.js';
import { type FilePlace, pathOf, readBytes, shown, unreadable } from './files.js';
import type { ImagesOptions } from './images-options.js';
import { decodePicture, imageError, type Pixels } from './pictures.js';
import { resized } from './resize.js';

/** All that is in a folder of pictures. */
export interface ImageContents extends FileContents {
  readonly classes: readonly string[];
}

/** @throws FedloomError `data.*` naming the file */
export async function readContents(
  path: string,
  options: ImagesOptions,
  home: string | undefined,
): Promise<ImageContents> {
  const { size, channels = 3, test } = options;
  const classes = options.classes ?? (await subfolders(path));
  const spec: DataSpec = {
    x: { dtype: 'uint8', shape: [channels, ...size], scale: 1 / 255 },
    y: { dtype: 'int32', shape: [], classes: classes.length },
    encoding: sha256(new TextEncoder().encode(JSON.stringify({ classes }))),
  };
  const all = await readFolder(path, classes, options);
  const known = { classes, spec, names: { classes } };
  if (test === undefined) return { ...known, train: all, test: rowsOf(all, new Int32Array(0)) };
  if (!isHeldOut(test)) return { ...known, train: all, test: await readFolder(pathOf(test, home), classes, options) };
  const held = holdOut(all.x.shape[0] ?? 0, test, shown(path));
  return { ...known, train: rowsOf(all, held.train), test: rowsOf(all, held.test) };
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

/** @throws FedloomError `data.*` naming the file */
export async function readPictures(files: readonly FilePlace[], options: ImagesOptions): Promise<Tensor> {
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
