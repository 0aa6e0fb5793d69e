import { bytesPerElement, elementCount } from '@fedloom/engine';
import type { SumFold } from './fold-contract.js';
import { LOAD_MAX } from './indexed-sums.js';
import { RunningMean } from './running-mean.js';
import type { UpdateSpec } from './update.js';

/**
 * The weighted mean of each tensor, exact relative to its largest term: `RunningMean` says how exact. Buffers count by
 * their client's samples, trained tensors and uploads by the algorithm's weight.
 */
export function meanFold(): SumFold {
  return Object.freeze({
    kind: 'sum' as const,
    name: 'mean',
    options: Object.freeze({}),
    memoryBytes: (specs: readonly UpdateSpec[], updates: number) =>
      specs.reduce((sum, spec) => sum + elementCount(spec.shape) * elementBytes(spec, updates > LOAD_MAX), 0),
    start: (specs: readonly UpdateSpec[]) => new RunningMean(specs),
  });
}

/** Two parts of 8 bytes and a float that waits, or three parts; 4 bytes for the carries of each part. */
function elementBytes({ dtype, fold }: UpdateSpec, isCarried: boolean): number {
  if (fold === 'max') return bytesPerElement[dtype];
  const hasTwoParts = dtype === 'float32' || dtype === 'float16';
  if (hasTwoParts) return isCarried ? 28 : 20;
  return isCarried ? 36 : 24;
}
