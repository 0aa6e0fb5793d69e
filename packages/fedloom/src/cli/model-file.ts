import { readFile } from 'node:fs/promises';
import { FedloomError, type NamedTensors } from '@fedloom/engine';
import { decodeSafetensors } from '../core/safetensors.js';

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
