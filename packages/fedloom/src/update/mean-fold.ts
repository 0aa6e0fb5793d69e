import { bytesPerElement, elementCount } from '@fedloom/engine';
import type { SumFold } from './fold-contract.js';
import { LOAD_MAX } from './indexed-sums.js';
import { partsOf, RunningMean } from './running-mean.js';
import { isFloat, type UpdateSpec } from './update.js';

const MEAN: SumFold = Object.freeze<SumFold>({
  kind: 'sum',
  name: 'mean',
  options: Object.freeze({}),
  memoryBytes: (specs, updates) =>
    specs.reduce((sum, spec) => sum + elementCount(spec.shape) * elementBytes(spec, updates > LOAD_MAX), 0),
  start: (specs) => new RunningMean(specs),
});

/**
 * The weighted mean of each tensor, exact relative to its largest term: `RunningMean` says how exact. Buffers count by
 * their client's samples, trained tensors and uploads by the algorithm's weight. There is one: it has no settings.
 */
export function meanFold(): SumFold {
  return MEAN;
}

/**
 * Of floats two parts of 8 bytes and a float that waits, or three parts, and 4 bytes for the carries of each part. Of integers
 * a double, which for those of more than 8 bits may become a bigint of 128 bits.
 */
function elementBytes(spec: UpdateSpec, isCarried: boolean): number {
  const { dtype, fold } = spec;
  if (fold === 'max') return bytesPerElement[dtype];
  if (!isFloat(dtype)) return bytesPerElement[dtype] === 1 ? 8 : 48;
  if (partsOf(spec) === 2) return isCarried ? 28 : 20;
  return isCarried ? 36 : 24;
}
