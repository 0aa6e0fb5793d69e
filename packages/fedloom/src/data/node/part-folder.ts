import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataSpec, FedloomError } from '@fedloom/engine';
import * as z from 'zod';
import { makeFolders } from '../../core/node/make-folders.js';
import { decodeSafetensors, encodeSafetensors } from '../../core/safetensors.js';
import { checkEncoding } from '../check-encoding.js';
import { checkExamples } from '../check-examples.js';
import type { ClientExamples, Examples } from '../dataset.js';
import { gatherExamples } from '../gather.js';
import { sharedBytes } from '../tensor-sharing.js';

/*
 * A part folder holds one client's own data: `train.safetensors` and, where it has test samples, `test.safetensors`, each
 * with tensors `x` and `y` as they are before any preprocessing, and `part.json`. Written by `fedloom partition`; easy to
 * write from any language.
 */

const PART_FILE = 'part.json';
const PART_FILE_BYTES_MAX = 1 << 20;

const count = z.int().min(0);
const shape = z.array(count).max(8);
const dataSchema = z.object({
  x: z.object({ dtype: z.enum(['uint8', 'float32', 'int32']), shape, scale: z.number().exactOptional() }),
  y: z.object({ dtype: z.enum(['int32', 'float32']), shape, classes: z.int().min(1).exactOptional() }),
  encoding: z.string().max(200).exactOptional(),
});
const partSchema = z.object({
  format: z.literal(1),
  /** Of the data set. */
  name: z.string().max(200),
  index: count,
  clients: z.int().min(1),
  samples: z.object({ train: z.int().min(1), test: count }),
  data: dataSchema,
});

export interface PartInfo {
  /** The data set's name. */
  readonly name: string;
  /** The client's index among `clients`. */
  readonly index: number;
  readonly clients: number;
  readonly data: DataSpec;
}

/** A client's data as they were read, in shared memory where there is one. `test` is absent when it has no test samples. */
export interface Part extends PartInfo {
  readonly train: Examples;
  readonly test?: Examples;
}

/**
 * Writes a part folder, making it where needed; `part.json` comes last, so that a folder with one is complete.
 * @throws FedloomError `part.write`, for instance when the disk is full.
 */
export async function writePart(
  dir: string,
  part: PartInfo & { readonly train: ClientExamples; readonly test?: ClientExamples },
): Promise<void> {
  const train = gatherExamples(part.train);
  const test = part.test && gatherExamples(part.test);
  const { name, index, clients, data } = part;
  const samples = { train: train.y.shape[0], test: test?.y.shape[0] ?? 0 };
  const info = { format: 1, name, index, clients, samples, data };
  try {
    await makeFolders(dir);
    await rm(join(dir, PART_FILE), { force: true });
    await writeFile(join(dir, fileOf('train')), encode(train));
    if (test === undefined) await rm(join(dir, fileOf('test')), { force: true });
    else await writeFile(join(dir, fileOf('test')), encode(test));
    await writeFile(join(dir, PART_FILE), `${JSON.stringify(info, undefined, 2)}\n`);
  } catch (cause) {
    throw new FedloomError(
      'part.write',
      `Cannot write the part folder ${dir}: ${messageOf(cause)}.`,
      { dir },
      { cause },
    );
  }
}

/**
 * Reads a part folder and checks that its data are what a plan expects.
 * @throws FedloomError `part.missing` when the folder or a file is not there, `part.json` when it does not say what it
 *   must, `part.samples` when a file holds another number of samples, `data.*` and `safetensors.*` when the data are not
 *   the expected ones; each names folder and file.
 */
export async function readPart(dir: string, expected: DataSpec): Promise<Part> {
  const { samples, ...info } = await readInfo(dir);
  checkClasses(dir, info.data, expected);
  checkEncoding(info.data, expected, join(dir, PART_FILE));
  return readSplits(dir, info, samples, expected);
}

/**
 * Reads a part folder for what it is, without a plan: its data must be what its own `part.json` says.
 * @throws FedloomError as `readPart`
 */
export async function readOwnPart(dir: string): Promise<Part> {
  const { samples, ...info } = await readInfo(dir);
  return readSplits(dir, info, samples, info.data);
}

async function readSplits(
  dir: string,
  { name, index, clients, data }: PartInfo,
  samples: { readonly train: number; readonly test: number },
  expected: DataSpec,
): Promise<Part> {
  const train = await readSplit(dir, 'train', samples.train, expected);
  const test = samples.test === 0 ? undefined : await readSplit(dir, 'test', samples.test, expected);
  return { name, index, clients, data, train, ...(test && { test }) };
}

async function readInfo(dir: string): Promise<z.infer<typeof partSchema>> {
  const path = join(dir, PART_FILE);
  const problem = (why: string, cause?: unknown) =>
    new FedloomError('part.json', `${path} is not a part's description: ${why}.`, { path }, { cause });
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > PART_FILE_BYTES_MAX) throw problem(`it has ${size} bytes, at most ${PART_FILE_BYTES_MAX} are read`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof FedloomError ? error : missing(dir, PART_FILE, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw problem(messageOf(error), error);
  }
  const parsed = partSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw problem(`${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
}

function checkClasses(dir: string, { y: found }: DataSpec, { y: expected }: DataSpec): void {
  if (found.classes === expected.classes) return;
  const text = (classes: number | undefined) => (classes === undefined ? 'regression targets' : `${classes} classes`);
  throw new FedloomError(
    'data.labels',
    `${join(dir, PART_FILE)}: the data have ${text(found.classes)}, but the training plan expects ${text(expected.classes)}.`,
    { dir, found: found.classes, expected: expected.classes },
  );
}

async function readSplit(dir: string, split: 'train' | 'test', samples: number, expected: DataSpec): Promise<Examples> {
  const path = join(dir, fileOf(split));
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw missing(dir, fileOf(split), error);
  }
  const examples = decode(sharedBytes(bytes), path);
  checkExamples(examples, expected, { where: path, split: `${split} split` });
  const found = examples.y.shape[0];
  if (found === samples) return examples;
  throw new FedloomError('part.samples', `${path} holds ${found} samples, but ${PART_FILE} says ${samples}.`, {
    path,
    found,
    expected: samples,
  });
}

function decode(bytes: Uint8Array, path: string): Examples {
  try {
    const tensors = decodeSafetensors(bytes);
    const [x, y] = [tensors.get('x'), tensors.get('y')];
    if (x !== undefined && y !== undefined) return { x, y };
    const names = [...tensors.keys()];
    const found = names.join(', ') || 'nothing';
    throw new FedloomError('data.names', `it holds ${found}; a part has tensors x and y.`, { names });
  } catch (error) {
    if (!(error instanceof FedloomError)) throw error;
    throw error.reworded(`${path}: ${error.message}`, { path });
  }
}

function encode({ x, y }: Examples): Uint8Array {
  return encodeSafetensors(
    new Map([
      ['x', x],
      ['y', y],
    ]),
  );
}

function fileOf(split: 'train' | 'test'): string {
  return `${split}.safetensors`;
}

function missing(dir: string, file: string, cause: unknown): FedloomError {
  const message = `Cannot read ${file} in the data folder ${dir}: ${messageOf(cause)}. \`fedloom partition\` writes such folders.`;
  return new FedloomError('part.missing', message, { dir, file }, { cause });
}

function messageOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return 'it is not there';
  return error instanceof Error ? error.message : String(error);
}
