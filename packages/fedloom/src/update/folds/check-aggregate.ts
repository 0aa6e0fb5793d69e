import { FedloomError } from '@fedloom/engine';
import { findMismatch } from '../../core/params.js';
import type { Aggregate, Fold } from '../fold-contract.js';
import { largestMagnitude } from '../magnitude.js';
import { isFloat, type UpdateSpec } from '../update.js';

/**
 * Checks what a fold of somebody's own has made, before the model is made of it.
 * @throws FedloomError `aggregate.names`, `aggregate.shape` or `aggregate.dtype` unless it is what `Aggregate` says of these
 *   specs; `aggregate.overflow` where an element is not finite
 */
export function checkAggregate({ name: fold }: Fold, aggregate: Aggregate, specs: readonly UpdateSpec[]): void {
  const expected = specs.map((spec) => ({ ...spec, dtype: aggregateDType(spec) }));
  const mismatch = findMismatch(aggregate, expected);
  if (mismatch !== undefined) {
    const { kind, tensor, text } = mismatch;
    throw new FedloomError(
      `aggregate.${kind}`,
      `The aggregate of fold "${fold}" ${text}. Means of floats are float64, all others keep their dtype.`,
      { fold, tensor },
    );
  }
  for (const [tensor, value] of aggregate) {
    if (Number.isFinite(largestMagnitude(value))) continue;
    const message = `The aggregate of fold "${fold}" holds NaN or infinity in tensor "${tensor}". The model diverged.`;
    throw new FedloomError('aggregate.overflow', message, { fold, tensor });
  }
}

function aggregateDType({ dtype, fold }: UpdateSpec): UpdateSpec['dtype'] {
  return isFloat(dtype) && fold === 'mean' ? 'float64' : dtype;
}
