import { FedloomError } from '@fedloom/engine';
import { ascending, definePartition, evenOffsets, type Partitioner, sampleCount } from './partition.js';

/**
 * Independent and identically distributed: a random permutation of the samples, dealt in contiguous pieces whose sizes
 * differ by at most one. The test split is dealt likewise; with fewer test samples than clients, the last clients get none.
 */
export function iid(): Partitioner {
  return definePartition({
    name: 'iid',
    partition(examples, clients, random, split) {
      const samples = sampleCount(examples);
      if (split === 'train' && samples < clients) {
        throw new FedloomError(
          'partition.samples',
          `There are ${samples} training samples for ${clients} clients: each needs one at least. Take fewer clients.`,
          { samples, clients },
        );
      }
      const rows = ascending(samples);
      random.shuffle(rows);
      return { offsets: evenOffsets(rows.length, clients), rows };
    },
  });
}
