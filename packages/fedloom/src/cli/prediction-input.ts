import { dirname, extname } from 'node:path';
import { type DataSpec, FedloomError, type Tensor } from '@fedloom/engine';
import { type ReadSamples, readSamples } from '../inference/node/read-samples.js';
import type { StoredRun } from '../store/read-runs.js';
import { loadTaskWith } from './load-settings.js';

/** A data set that makes samples of the rows of another file, as `csv` does. */
interface ReadsFiles {
  inputsOf(file: string): Promise<Tensor>;
}

const TABLES = ['.csv', '.tsv'];

/**
 * The samples of a file as clients hold them. Tables are read as the run's task reads its own: columns, categories, means and
 * deviations are in its file.
 * @param data that the model was trained for
 * @throws FedloomError `predict.file`, `data.*`, `task.*`
 */
export async function predictionInput(path: string, run: StoredRun, data: DataSpec): Promise<ReadSamples> {
  if (!TABLES.includes(extname(path).toLowerCase())) return readSamples(path);
  const { task, file } = await loadTaskWith(run.file.taskFile, run.file.arguments);
  const refuse = (why: string) => {
    const message = `Cannot read samples to predict for from ${path}: ${why}.`;
    return new FedloomError('predict.file', message, { path });
  };
  if (task.kind !== 'plan' || !('inputsOf' in task.data)) {
    throw refuse('the data of its task are no table; give a part folder, or safetensors with a tensor x');
  }
  const own = task.data.inFolder?.(dirname(file)) ?? task.data;
  if (JSON.stringify(await own.spec()) !== JSON.stringify(data)) {
    throw refuse(`the data of ${file} are read otherwise than when ${run.file.run} was trained`);
  }
  return { path, x: await (own as unknown as ReadsFiles).inputsOf(path) };
}
