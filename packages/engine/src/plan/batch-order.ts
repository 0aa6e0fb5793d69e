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
  const permutation = Int32Array.from({ length: sampleCount }, (_, index) => index);
  for (let epoch = 0; epoch < localEpochs; epoch++) {
    if (shuffle) permute(permutation, random);
    const start = epoch * stepsPerEpoch * batch;
    for (let place = 0; place < sampleCount; place++) data[start + place] = BigInt(permutation[place]!);
  }
  return { dtype: 'int64', shape: [localEpochs * stepsPerEpoch, batch], data };
}

/** Shuffles what the epoch before left: as random as starting from the identity, and a function of the stream alone. */
function permute(values: Int32Array, random: RandomSource): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1));
    const kept = values[last]!;
    values[last] = values[other]!;
    values[other] = kept;
  }
}
