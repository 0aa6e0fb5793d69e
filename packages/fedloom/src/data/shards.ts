import { FedloomError } from '@fedloom/engine';
import { labelsOf, rowsByLabel } from './labels.js';
import { dealLikeTraining } from './like-training.js';
import { ascending, definePartition, evenOffsets, type Partitioner, sampleCount } from './partition.js';
import { requireOptions } from './partition-options.js';

export interface ShardsOptions {
  /** Shards that a client gets. Default 2. */
  readonly perClient?: number;
}

/**
 * McMahan's pathological non-IID split (2017, arXiv 1602.05629, section 3): the training samples sorted by label are cut
 * into clients * perClient shards of nearly equal size, and each client gets `perClient` of them at random. MNIST over 100
 * clients with 2 each: 200 shards of 300, most clients with samples of two labels. Test samples follow the training
 * samples of each client (see `dealLikeTraining`).
 */
export function shards(options: ShardsOptions = {}): Partitioner {
  requireOptions('shards', options, ['perClient']);
  const { perClient = 2 } = options;
  if (!Number.isSafeInteger(perClient) || perClient < 1) {
    throw new FedloomError(
      'partition.shards',
      `shards: perClient must be a whole number of at least 1, not ${perClient}.`,
      {
        perClient,
      },
    );
  }
  const name = 'shards';
  return definePartition({
    name,
    partition(examples, clients, random, split, train) {
      if (split === 'test') {
        if (train === undefined) throw new Error('shards deals test samples by the training samples: give them');
        return dealLikeTraining(examples, train, random, name);
      }
      const count = clients * perClient;
      const samples = sampleCount(examples);
      if (samples < count) {
        throw new FedloomError(
          'partition.samples',
          `There are ${samples} training samples for ${count} shards (${clients} clients, ${perClient} each): each needs ` +
            'one at least. Take fewer clients or fewer shards.',
          { samples, clients, perClient },
        );
      }
      const sorted = Int32Array.from([...rowsByLabel(labelsOf(examples, name)).values()].flat());
      const cuts = evenOffsets(samples, count);
      const order = ascending(count);
      random.shuffle(order);
      const offsets = new Int32Array(clients + 1);
      const rows = new Int32Array(samples);
      let end = 0;
      order.forEach((shard, place) => {
        const piece = sorted.subarray(cuts[shard], cuts[shard + 1]);
        rows.set(piece, end);
        end += piece.length;
        if ((place + 1) % perClient === 0) offsets[(place + 1) / perClient] = end;
      });
      return { offsets, rows };
    },
  });
}
