import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bindParameters, FedloomError, isFedloomError, type NamedTensors } from '@fedloom/engine';
import { sha256 } from '../../core/node/sha256.js';
import { decodeSafetensors } from '../../core/safetensors.js';
import { VERSION } from '../../core/version.js';
import type { StoredRun } from '../../store/read-runs.js';
import { BEST_FILE, INFERENCE_FILE, MODEL_FILE } from '../../store/run-folder.js';

/** A model that a run has made, as it lies in its folder. */
export interface RunModel {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly parameters: NamedTensors;
  /** SHA-256 of `bytes`. */
  readonly hash: string;
}

/**
 * @param best the model of the best round, in place of the last
 * @throws FedloomError `model.none`, `safetensors.*`
 */
export async function readRunModel({ path: folder, file }: StoredRun, best = false): Promise<RunModel> {
  const path = join(folder, best ? BEST_FILE : MODEL_FILE);
  const none = best ? 'it was not started with --keep-best, or no round had its metric' : 'it has made none yet';
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? none : cause.message;
    throw new FedloomError('model.none', `The run ${file.run} has no model in ${path}: ${why}.`, { path }, { cause });
  });
  return { path, bytes, parameters: decodeSafetensors(bytes), hash: sha256(bytes) };
}

/**
 * A run's model as ONNX: raw samples in, predictions out, its parameters inside.
 * @throws FedloomError `export.trainer`: training code of the user's own; `export.private`: clients keep parts of it
 */
export async function onnxOf({ path: folder, file }: StoredRun, model: RunModel): Promise<Uint8Array> {
  const path = join(folder, INFERENCE_FILE);
  const graph = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw withoutGraph(file.run, file.task, path, cause);
  });
  const metadata = { 'fedloom.run': file.run, 'fedloom.model': model.hash };
  try {
    return bindParameters(graph, model.parameters, { metadata, producerVersion: VERSION });
  } catch (error) {
    if (!isFedloomError(error, 'onnx.parameters')) throw error;
    const { names } = error.fields;
    const message =
      `The model of ${file.run} is not whole: each client keeps its own ${names.join(', ')}. ` +
      'What all share can leave: `fedloom export` with --safetensors.';
    throw new FedloomError('export.private', message, { run: file.run, names }, { cause: error });
  }
}

function withoutGraph(run: string, task: object, path: string, cause: unknown): FedloomError {
  if ('kind' in task && task.kind === 'trainer') {
    const message =
      `The run ${run} has training code of its own, of which fedloom knows the parameters and not the model: there ` +
      'is no ONNX of it. Its parameters can leave: `fedloom export` with --safetensors. Predict with the library that trained them.';
    return new FedloomError('export.trainer', message, { run }, { cause });
  }
  const message = `The run ${run} has no ${path}, which says what its model computes: it was made by a version that kept none.`;
  return new FedloomError('model.none', message, { path }, { cause });
}
