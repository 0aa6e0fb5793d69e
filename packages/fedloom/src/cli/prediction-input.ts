import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import type { Dataset } from '../data/dataset.js';
import { type ReadSamples, readSamples } from '../inference/node/read-samples.js';
import type { StoredRun } from '../store/read-runs.js';
import { loadTaskWith } from './load-settings.js';

/** Samples, and of pictures the names of their files. */
export interface PredictionInput extends ReadSamples {
  readonly files?: readonly string[];
}

/** A data set that makes samples of others than its own, as `csv`, `images` and `texts` do: of a file, of files, of texts. */
interface MakesInputs {
  inputsOf(others: string | readonly string[]): Promise<Tensor>;
}

const TABLE = /^\.(csv|tsv|parquet)$/;
const PICTURE = /^\.(png|jpe?g)$/;
const TEXTS = '.txt';

/**
 * The samples of a file as clients hold them. Tables, pictures and texts are read as the run's task reads its own: columns,
 * categories, sizes and vocabularies are in its file.
 * @param typed a path from the working folder
 * @param data that the model was trained for
 * @throws FedloomError `predict.file`, `data.*`, `task.*`
 */
export async function predictionInput(typed: string, run: StoredRun, data: DataSpec): Promise<PredictionInput> {
  // Those of a task begin in its folder, this one where it was typed.
  const path = resolve(typed);
  const extension = extname(path).toLowerCase();
  if (TABLE.test(extension)) {
    const maker = await inputMaker(path, run, data, 'a table', (spec) => isTable(spec) || isText(spec));
    return { path, x: await maker.inputsOf(path) };
  }
  if (extension === TEXTS) {
    const maker = await inputMaker(path, run, data, 'texts', isText);
    return { path, x: await maker.inputsOf(await linesOf(path)) };
  }
  const files = await picturesAt(path, extension);
  if (files === undefined) return readSamples(path);
  const maker = await inputMaker(path, run, data, 'pictures', isPicture);
  const folder = files.length === 1 && files[0] === path ? dirname(path) : path;
  return { path, x: await maker.inputsOf(files), files: files.map((file) => relative(folder, file)) };
}

const isTable = ({ x }: DataSpec) => x.dtype === 'float32' && x.shape.length === 1;
const isText = ({ x }: DataSpec) => x.dtype === 'int32' && x.shape.length === 1;
const isPicture = ({ x }: DataSpec) => x.dtype === 'uint8' && x.shape.length === 3;

async function inputMaker(
  path: string,
  run: StoredRun,
  data: DataSpec,
  what: string,
  fits: (data: DataSpec) => boolean,
): Promise<MakesInputs> {
  const { task, file } = await loadTaskWith(run.file.taskFile, run.file.arguments);
  if (task.kind !== 'plan' || !('inputsOf' in task.data) || !fits(data)) {
    throw refusal(
      path,
      `the data of its task are no ${what.replace(/^a /, '')}; give a part folder, or safetensors with a tensor x`,
    );
  }
  const own: Dataset = task.data;
  if (JSON.stringify(await own.spec()) !== JSON.stringify(data)) {
    throw refusal(path, `the data of ${file} are read otherwise than when ${run.file.run} was trained`);
  }
  return own as unknown as MakesInputs;
}

/** A picture, or those in a folder and in its subfolders, by name; undefined for anything else. */
async function picturesAt(path: string, extension: string): Promise<readonly string[] | undefined> {
  if (PICTURE.test(extension)) return [path];
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (!isFolder || existsSync(join(path, 'part.json'))) return undefined;
  const pictures = (await readdir(path, { recursive: true })).filter((name) =>
    PICTURE.test(extname(name).toLowerCase()),
  );
  return pictures.length === 0 ? undefined : pictures.sort().map((name) => join(path, name));
}

/** A text a line. */
async function linesOf(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw refusal(path, `it cannot be read (${(cause as NodeJS.ErrnoException).code ?? cause.message})`, cause);
  });
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function refusal(path: string, why: string, cause?: unknown): FedloomError {
  return new FedloomError(
    'predict.file',
    `Cannot read samples to predict for from ${path}: ${why}.`,
    { path },
    { cause },
  );
}
