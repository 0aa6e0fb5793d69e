import { logGammas, sharesOf } from '../core/dirichlet-draw.js';
import { cutsOf } from './dirichlet.js';
import { tryForMinimum } from './minimum.js';
import { ascending, definePartition, type Partitioner, sampleCount } from './partition.js';
import { requireCount, requireOptions, requirePositive } from './partition-options.js';

export interface QuantitySkewOptions {
  /** How alike the sizes are: the larger, the more. */
  readonly alpha: number;
  /** Samples that every client must get: sizes are drawn anew until they do. Default 1. */
  readonly minimum?: number;
}

/**
 * Clients of different sizes whose samples are alike: a random permutation of the samples, cut in shares drawn from Dir(alpha, ..., alpha).
 * "Quantity skew" of Li et al., Federated Learning on Non-IID Data Silos (ICDE 2022). Test samples are cut in the same shares.
 * @throws FedloomError `partition.option`; when dealing `partition.samples`, within about a second when `minimum` is out of reach
 */
export function quantitySkew(options: QuantitySkewOptions): Partitioner {
  const name = 'quantitySkew';
  requireOptions(name, options, ['alpha', 'minimum']);
  const { alpha, minimum = 1 } = options;
  requirePositive(name, 'alpha', alpha);
  requireCount(name, 'minimum', minimum);
  return definePartition({
    name,
    partition(examples, clients, random, split, train) {
      const samples = sampleCount(examples);
      const rows = ascending(samples);
      if (split === 'test') {
        if (train === undefined) throw new Error('quantitySkew deals test samples by the training samples: give them');
        random.shuffle(rows);
        const { offsets, rows: trainRows } = train.partition;
        return { offsets: offsets.map((end) => Math.floor((end / trainRows.length) * samples)), rows };
      }
      const { ends } = tryForMinimum({ name, samples, clients, minimum, drawsEach: clients }, () => {
        const cuts = cutsOf(
          sharesOf(logGammas(random, alpha, clients), () => true),
          samples,
        );
        return { ends: cuts, sizes: cuts.slice(1).map((end, client) => end - (cuts[client] ?? 0)) };
      });
      random.shuffle(rows);
      return { offsets: ends, rows };
    },
  });
}
