import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError, isFedloomError, type NamedTensors } from '@fedloom/engine';
import { decodeSafetensors } from '../core/safetensors.js';
import { findRun } from '../store/read-runs.js';
import { MODEL_FILE } from '../store/run-folder.js';

/**
 * The file of the model that an option names: itself, or that of a run: its name, a part of it, its folder, or `latest`.
 * @param root where run folders are
 * @throws FedloomError `model.file`, `store.version`
 */
export async function modelPath(named: string, root: string): Promise<string> {
  if ((await stat(named).catch(() => undefined))?.isFile()) return named;
  try {
    return join((await findRun(root, named)).path, MODEL_FILE);
  } catch (cause) {
    if (!isFedloomError(cause, 'store.unknown-run')) throw cause;
    const message = `There is no model ${named}: no such file, and no such run either. ${cause.message}`;
    throw new FedloomError('model.file', message, { path: named }, { cause });
  }
}

/** @throws FedloomError `model.file` when there is no such model, naming the file */
export async function readModelFile(path: string): Promise<NamedTensors> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new FedloomError('model.file', `Cannot read the model ${path}: ${why}.`, { path }, { cause });
  });
  try {
    return decodeSafetensors(bytes);
  } catch (cause) {
    if (!(cause instanceof FedloomError)) throw cause;
    const message = `${path} is no model in safetensors format: ${cause.message}`;
    throw new FedloomError('model.file', message, { path }, { cause });
  }
}
