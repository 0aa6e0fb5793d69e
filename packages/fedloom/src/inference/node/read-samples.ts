import { readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { FedloomError, isFedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import { decodeSafetensors } from '../../core/safetensors.js';
import { readNpz } from '../../data/node/read-npz.js';
import type { SamplesInput } from '../samples.js';

/** Samples to predict for, as they were read. */
export interface ReadSamples {
  readonly x: SamplesInput;
  /** The file. */
  readonly path: string;
}

/** In this order: the samples of a part folder that its client did not train on come first. */
const PART_FILES = ['test.safetensors', 'train.safetensors'];

/**
 * Reads samples from a file: safetensors or npz with a tensor `x`, or a part folder, of which those of its test split.
 * @throws FedloomError `predict.file` for what cannot be read, and for files of another kind, naming the file
 */
export async function readSamples(path: string): Promise<ReadSamples> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause.code === 'ENOENT' ? 'there is no such file or folder' : cause.message, cause);
  });
  if (found.isDirectory()) return readPartSamples(path);
  const extension = extname(path).toLowerCase();
  if (extension === '.safetensors') return { path, x: await readX(path) };
  if (extension === '.npz') return { path, x: (await readNpz(path, ['x']))[0] };
  throw unreadable(
    path,
    'its name ends on none of .csv, .parquet, .png, .jpg, .txt, .npz and .safetensors; folders of pictures and part folders will do too',
  );
}

async function readPartSamples(folder: string): Promise<ReadSamples> {
  for (const name of PART_FILES) {
    const path = join(folder, name);
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    if (exists) return { path, x: await readX(path) };
  }
  throw unreadable(folder, `it is no part folder: it has neither ${PART_FILES.join(' nor ')}`);
}

async function readX(path: string): Promise<Tensor> {
  const tensors = await decode(path);
  const x = tensors.get('x');
  if (x !== undefined) return x;
  throw unreadable(path, `it holds ${[...tensors.keys()].join(', ') || 'nothing'}, and no tensor x`);
}

async function decode(path: string): Promise<NamedTensors> {
  try {
    return decodeSafetensors(await readFile(path));
  } catch (error) {
    if (error instanceof FedloomError && !isFedloomError(error, 'predict.file'))
      throw unreadable(path, error.message, error);
    throw error;
  }
}

function unreadable(path: string, why: string, cause?: unknown): FedloomError {
  const message = `Cannot read samples to predict for from ${path}: ${why}.`;
  return new FedloomError('predict.file', message, { path }, { cause });
}
