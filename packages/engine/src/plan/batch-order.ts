import { FedloomError } from '../errors.js';
import type { RandomSource } from '../layers/types.js';
import type { Tensor } from '../tensor.js';

export interface BatchOrderOptions {
  /** `all`: one batch of all samples. */
  readonly batchSize: number | 'all';
  readonly localEpochs: number;
  /** Draw a new permutation each epoch; otherwise the samples keep their order. */
  readonly shuffle: boolean;
}

/** Marks a place of the last batch of an epoch that holds no sample. */
export const paddingRow = -1n;

/**
 * Which samples train at which step: int64 `[steps, batch]`, batch = min(batchSize, sampleCount). Each epoch is a
 * Fisher-Yates permutation of its own, drawn from `random` from the last place to the first.
 *
 * @throws FedloomError `plan.samples` when there is nothing to train on.
 */
export function batchOrder(sampleCount: number, options: BatchOrderOptions, random: RandomSource): Tensor {
  const { localEpochs, shuffle } = options;
  if (!Number.isSafeInteger(sampleCount) || sampleCount < 1) {
    throw new FedloomError(
      'plan.samples',
      `A client with ${sampleCount} samples cannot train: leave it out of the federation, or give it data.`,
      { sampleCount },
    );
  }
  const batch = options.batchSize === 'all' ? sampleCount : Math.min(options.batchSize, sampleCount);
  const stepsPerEpoch = Math.ceil(sampleCount / batch);
  const data = new BigInt64Array(localEpochs * stepsPerEpoch * batch).fill(paddingRow);
  // Rows are small and not negative: the lower word of each place holds them, without a BigInt for every sample.
  const words = new Int32Array(data.buffer);
  const permutation = Int32Array.from({ length: sampleCount }, (_, index) => index);
  const uniform = new Float64Array(sampleCount - 1);
  for (let epoch = 0; epoch < localEpochs; epoch++) {
    if (shuffle) {
      random.fill(uniform);
      permute(permutation, uniform);
    }
    writeRows(words, epoch * stepsPerEpoch * batch, permutation);
  }
  return { dtype: 'int64', shape: [localEpochs * stepsPerEpoch, batch], data };
}

/** Shuffles what the epoch before left: as random as starting from the identity, and a function of the stream alone. */
function permute(values: Int32Array, uniform: Float64Array): void {
  for (let last = values.length - 1, drawn = 0; last > 0; last--, drawn++) {
    const other = Math.floor(uniform[drawn]! * (last + 1));
    const kept = values[last]!;
    values[last] = values[other]!;
    values[other] = kept;
  }
}

function writeRows(words: Int32Array, start: number, rows: Int32Array): void {
  for (let place = 0; place < rows.length; place++) {
    words[2 * (start + place)] = rows[place]!;
    words[2 * (start + place) + 1] = 0;
  }
}
