import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { Results } from '../core/records.js';

/** Tensors with arrays of their own: whoever gets them may write into them and keep them. */
export function copyTensors(tensors: NamedTensors): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, copyTensor(tensor)]));
}

function copyTensor(tensor: Tensor): Tensor {
  return { ...tensor, shape: [...tensor.shape], data: tensor.data.slice() } as Tensor;
}

/** Results as they stand now: a test may go on with the lists that it returned. */
export function copyResults(results: Results): Results {
  const entries = Object.entries(results ?? {});
  return Object.fromEntries(entries.map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]));
}
