import { FedloomError } from '@fedloom/engine';
import type { Dataset, Examples } from './dataset.js';

/**
 * A split of a data set, which may be somebody's own.
 * @throws FedloomError `data.shape` where it gives no examples
 */
export async function loadExamples(data: Dataset, split: 'train' | 'test'): Promise<Examples> {
  const given: Partial<Examples> | undefined | null = await data.load(split);
  if (isTensor(given?.x) && isTensor(given.y)) return given as Examples;
  const message =
    `The data "${data.name}": load('${split}') gave no examples: it must give { x, y }, each a tensor ` +
    "{ dtype: 'float32', shape: [samples, 4], data: new Float32Array(...) }; without test samples, of shape [0, 4].";
  throw new FedloomError('data.shape', message, { where: data.name, split });
}

function isTensor(value: unknown): boolean {
  const { dtype, shape, data } = (value ?? {}) as Partial<Examples['x']>;
  return typeof dtype === 'string' && Array.isArray(shape) && ArrayBuffer.isView(data);
}
