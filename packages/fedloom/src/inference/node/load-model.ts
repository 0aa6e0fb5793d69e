import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FedloomError, inferenceInfo } from '@fedloom/engine';
import { runIn } from '../../store/read-runs.js';
import { Predictor } from '../predictor.js';
import { onnxOf, readRunModel } from './run-model.js';

export interface LoadModelOptions {
  /** Of a run the model of its best round (`keepBest`), in place of the last. Default false. */
  readonly best?: boolean;
}

/** What `loadModel` does. @throws FedloomError as it says */
export async function loadModelFrom(path: string, { best = false }: LoadModelOptions): Promise<Predictor> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  return isFolder ? loadRunModel(path, best) : predictorOf(await readOnnx(path), path);
}

async function loadRunModel(folder: string, best: boolean): Promise<Predictor> {
  const run = await runIn(resolve(folder));
  if (run === undefined) {
    const message = `The folder ${folder} holds no run: there is no run.json in it. Give the folder of one run, such as runs/<id>.`;
    throw new FedloomError('model.none', message, { path: folder });
  }
  const model = await readRunModel(run, best);
  return predictorOf(await onnxOf(run, model), model.path);
}

/** @param path where it comes from, for messages */
export async function predictorOf(onnx: Uint8Array, path: string): Promise<Predictor> {
  const info = inferenceInfo(onnx);
  if (info === undefined) {
    const message = `${path} is no ONNX model that fedloom exported: it does not say what samples it takes.`;
    throw new FedloomError('model.onnx', message, { path });
  }
  // Native code of 40 ms, which who trains in worker threads does not load here.
  const { onnxRuntimeNode } = await import('@fedloom/engine/node');
  return new Predictor(await onnxRuntimeNode().load(onnx), info.task, info.data, info.names);
}

async function readOnnx(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is neither a run folder nor a file of that name' : cause.message;
    throw new FedloomError('model.none', `Cannot load the model ${path}: ${why}.`, { path }, { cause });
  });
}
