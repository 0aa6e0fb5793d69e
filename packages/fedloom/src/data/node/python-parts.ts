import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataSpec, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { makeFolders } from '../../core/node/make-folders.js';
import type { ClientExamples } from '../dataset.js';
import { gatherExamples } from '../gather.js';
import { encodeNpz, NPZ_BYTES_MAX } from './npz.js';
import { encodePng, type Picture } from './png.js';

/** A client's samples for training code in Python: beside each other, under the paths that FineFL's users have. */
export interface PythonPart {
  /** 0-based; files count from 1, as ranks do. */
  readonly index: number;
  readonly data: DataSpec;
  readonly train: ClientExamples;
  readonly test?: ClientExamples;
}

/**
 * Writes `client_<rank>_train.npz` and, where there are test samples, `client_<rank>_test.npz`, each with arrays `x` and `y`.
 * @throws FedloomError `part.write`
 */
export async function writeNpzPart(dir: string, part: PythonPart): Promise<void> {
  for (const [split, examples] of splitsOf(part)) {
    const { x, y } = gatherExamples(examples);
    const pieces = encodeNpz(new Map(Object.entries({ x, y })));
    const path = join(dir, `client_${part.index + 1}_${split}.npz`);
    if (pieces.reduce((bytes, { length }) => bytes + length, 0) > NPZ_BYTES_MAX) {
      throw writeError(dir, `${path} would be longer than the 4 GiB that the format allows`);
    }
    await writing(dir, async () => {
      const file = await open(path, 'w');
      try {
        await file.writev(pieces);
      } finally {
        await file.close();
      }
    });
  }
}

/**
 * Writes a folder `client_<rank>_train` with a folder for each class, which holds its images, and one for the test: what
 * torchvision's `ImageFolder` reads.
 * @throws FedloomError `part.images` for samples that are no images with a class, `part.write`
 */
export async function writeImagePart(dir: string, part: PythonPart): Promise<void> {
  const format = imageFormat(part.data);
  const { classes = 1 } = part.data.y;
  const digits = String(classes - 1).length;
  for (const [split, examples] of splitsOf(part)) {
    const { x, y } = gatherExamples(examples);
    const folder = join(dir, `client_${part.index + 1}_${split}`);
    const folderOf = (label: number) => join(folder, String(label).padStart(digits, '0'));
    await writing(dir, async () => {
      // All classes, so that their numbers are the same for all clients.
      for (let label = 0; label < classes; label += 1) await makeFolders(folderOf(label));
      const width = elementCount(x.shape.slice(1));
      for (const [row, label] of Array.from(y.data as Int32Array).entries()) {
        const pixels = (x.data as Uint8Array).subarray(row * width, (row + 1) * width);
        await writeFile(join(folderOf(label), `${row}.png`), encodePng({ ...format, pixels }));
      }
    });
  }
}

function splitsOf({ train, test }: PythonPart): ['train' | 'test', ClientExamples][] {
  return [['train', train], ...(test === undefined ? [] : [['test', test] as ['test', ClientExamples]])];
}

function imageFormat({ x, y }: DataSpec): Omit<Picture, 'pixels'> {
  const [channels, height, width] = imageShape(x.shape);
  if (x.dtype === 'uint8' && y.classes !== undefined && (channels === 1 || channels === 3) && height && width) {
    return { channels, height, width };
  }
  const found = `samples of ${x.dtype} [${x.shape.join(', ')}]${y.classes === undefined ? ' without classes' : ''}`;
  const message = `Images are uint8 of shape [height, width], [1, height, width] or [3, height, width], with a class; these are ${found}. Write them as npz.`;
  throw new FedloomError('part.images', message, { shape: x.shape });
}

/** Flat ones, as MNIST's, are square and grey. */
function imageShape(shape: Tensor['shape']): readonly (number | undefined)[] {
  if (shape.length === 3) return shape;
  if (shape.length === 2) return [1, ...shape];
  const side = Math.sqrt(shape[0] ?? 0);
  return shape.length === 1 && Number.isInteger(side) ? [1, side, side] : [];
}

async function writing(dir: string, write: () => Promise<void>): Promise<void> {
  await write().catch((cause: Error) => {
    throw writeError(dir, cause.message, cause);
  });
}

function writeError(dir: string, why: string, cause?: Error): FedloomError {
  return new FedloomError('part.write', `Cannot write a part in ${dir}: ${why}.`, { dir }, { cause });
}
