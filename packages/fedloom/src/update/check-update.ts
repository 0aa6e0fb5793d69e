import { FedloomError, type NamedTensors, type ParameterSpec, type Tensor } from '@fedloom/engine';
import { findMismatch } from '../core/params.js';
import { largestMagnitude } from './magnitude.js';

/** What an update must hold of one tensor, and how the server combines the clients' values. */
export type FoldSpec = Pick<ParameterSpec, 'name' | 'shape' | 'dtype' | 'fold'>;

export interface UpdateLimits {
  readonly sampleCountMax: number;
}

export const defaultUpdateLimits: UpdateLimits = { sampleCountMax: 1e9 };

/**
 * What an update may add to a sum: |weight * value| for floats and for integers. A thousand updates of this size, which is
 * far beyond what training gives, still fit into the exact sums, so that one client cannot spend their range.
 */
export const FLOAT_TERM_MAX = 2 ** 36;
export const INTEGER_TERM_MAX = 2 ** 43;

/** The largest |weight * value| among the tensors that are averaged. */
export interface LargestTerms {
  readonly floats: number;
  readonly integers: number;
}

/**
 * Checks a whole client update before any of it touches the aggregate.
 * @param who whose it is, at the start of a message: `client 3`
 * @returns what `ExactMean.add` asks for, so that the update is read once
 * @throws FedloomError `update.sample-count` unless it is a whole number from 1 to the limit; `update.names`,
 *   `update.shape` or `update.dtype` unless the tensors are exactly the expected; `update.not-finite` for NaN or
 *   infinity; `update.too-large` where sample count times value is beyond `FLOAT_TERM_MAX` or `INTEGER_TERM_MAX`.
 */
export function checkUpdate(
  tensors: NamedTensors,
  sampleCount: number,
  expected: readonly FoldSpec[],
  who: string,
  limits: UpdateLimits = defaultUpdateLimits,
): LargestTerms {
  const { sampleCountMax } = limits;
  if (!Number.isSafeInteger(sampleCount) || sampleCount < 1 || sampleCount > sampleCountMax) {
    throw new FedloomError(
      'update.sample-count',
      `The update of ${who} reports a sample count of ${sampleCount}; it must be a whole number from 1 to ${sampleCountMax}.`,
      { who, sampleCount, sampleCountMax },
    );
  }
  return checkTerms(tensors, sampleCount, expected, who);
}

/** `checkUpdate` for any weight in place of the sample count; returns the largest terms it found. */
export function checkTerms(
  tensors: NamedTensors,
  weight: number,
  expected: readonly FoldSpec[],
  who: string,
): LargestTerms {
  const mismatch = findMismatch(tensors, expected);
  if (mismatch !== undefined) {
    const { kind, tensor, text } = mismatch;
    throw new FedloomError(
      `update.${kind}`,
      `The update of ${who} ${text}; it must be trained from this run's model.`,
      {
        who,
        tensor,
      },
    );
  }
  const largest = { floats: 0, integers: 0 };
  for (const { name, dtype, fold } of expected) {
    if (fold === 'keep') continue;
    const tensor = tensors.get(name) as Tensor;
    const magnitude = largestMagnitude(tensor);
    if (!Number.isFinite(magnitude)) throw notFinite(tensor, name, who);
    if (fold !== 'mean') continue;
    const kind = dtype.startsWith('float') ? 'floats' : 'integers';
    const term = weight * magnitude;
    if (term > (kind === 'floats' ? FLOAT_TERM_MAX : INTEGER_TERM_MAX)) throw tooLarge(name, magnitude, weight, who);
    largest[kind] = Math.max(largest[kind], term);
  }
  return largest;
}

function notFinite({ data }: Tensor, name: string, who: string): FedloomError {
  return new FedloomError(
    'update.not-finite',
    `The update of ${who} holds NaN or infinity in tensor "${name}" (${data.length} elements): its training diverged or ` +
      'its data are damaged. A lower learning rate often helps.',
    { who, tensor: name },
  );
}

function tooLarge(name: string, magnitude: number, weight: number, who: string): FedloomError {
  return new FedloomError(
    'update.too-large',
    `The update of ${who} holds a value of magnitude ${magnitude} in tensor "${name}"; times its weight of ${weight} it is ` +
      'beyond what the exact aggregate holds. Its training diverged, or its sample count is wrong.',
    { who, tensor: name, magnitude, weight },
  );
}
