import { logGammas, sharesOf } from '../core/dirichlet-draw.js';
import type { RandomStream } from '../core/random.js';
import { labelsOf, rowsByLabel } from './labels.js';
import { dealLikeTraining } from './like-training.js';
import { tryForMinimum } from './minimum.js';
import { definePartition, type Partition, type Partitioner } from './partition.js';
import { optionError, requireCount, requireOptions, requirePositive } from './partition-options.js';

export interface DirichletOptions {
  /** How alike the clients are: the larger, the more. 0.1 leaves most clients with one or two labels, 100 is nearly IID. */
  readonly alpha: number;
  /** Samples that every client must get: shares are drawn anew until they do. Default 1; FedML has 10. */
  readonly minimum?: number;
  /**
   * `standard` (default): every client takes part in every label. `fedml`: a client that has its even share of all samples, or more,
   * gets nothing of the labels that follow, as FedML's LDA has it, which makes sizes more alike.
   */
  readonly rule?: 'standard' | 'fedml';
}

/**
 * Labels skewed by the Dirichlet distribution: the samples of each label, in random order, are cut among the clients in shares drawn from
 * Dir(alpha, ..., alpha). Yurochkin et al., Bayesian Nonparametric Federated Learning of Neural Networks (ICML 2019); Li et al., Federated
 * Learning on Non-IID Data Silos (ICDE 2022). The rule `fedml` is that of FedML (He et al., 2020, arXiv 2007.13518), which
 * it ascribes to Hsu et al. (2019, arXiv 1909.06335). Test samples follow the training samples of each client (see `dealLikeTraining`).
 * @throws FedloomError `partition.option`; when dealing `partition.labels`, and `partition.samples` within about a second when
 *   `minimum` is out of reach
 */
export function dirichlet(options: DirichletOptions): Partitioner {
  const name = 'dirichlet';
  requireOptions(name, options, ['alpha', 'minimum', 'rule']);
  const { alpha, minimum = 1, rule = 'standard' } = options;
  requirePositive(name, 'alpha', alpha);
  requireCount(name, 'minimum', minimum);
  if (rule !== 'standard' && rule !== 'fedml')
    throw optionError(name, 'rule', `must be standard or fedml, not ${rule}`);
  return definePartition({
    name,
    partition(examples, clients, random, split, train) {
      if (split === 'test') {
        if (train === undefined) throw new Error('dirichlet deals test samples by the training samples: give them');
        return dealLikeTraining(examples, train, random, name);
      }
      const pools = [...rowsByLabel(labelsOf(examples, name)).values()];
      const samples = pools.reduce((sum, { length }) => sum + length, 0);
      const evenShare = rule === 'fedml' ? samples / clients : Number.POSITIVE_INFINITY;
      const limits = { name, samples, clients, minimum, drawsEach: pools.length * clients };
      const { cuts } = tryForMinimum(limits, () => drawCuts(pools, clients, alpha, evenShare, random));
      return gather(pools, cuts, clients, random);
    },
  });
}

/** Where the samples of each label are cut: client i gets those from `cuts[label][i]` to `cuts[label][i + 1]`. */
function drawCuts(
  pools: readonly { readonly length: number }[],
  clients: number,
  alpha: number,
  evenShare: number,
  random: RandomStream,
): { readonly cuts: readonly Int32Array[]; readonly sizes: Int32Array } {
  const sizes = new Int32Array(clients);
  const cuts = pools.map(({ length }) => {
    const shares = sharesOf(logGammas(random, alpha, clients), (client) => (sizes[client] ?? 0) < evenShare);
    const ends = cutsOf(shares, length);
    for (let client = 0; client < clients; client++) {
      sizes[client] = (sizes[client] ?? 0) + (ends[client + 1] ?? 0) - (ends[client] ?? 0);
    }
    return ends;
  });
  return { cuts, sizes };
}

/** Offsets of pieces of `length` places in these shares, each end rounded down; a share of 0 gets nothing of the rounding. */
export function cutsOf(shares: Float64Array, length: number): Int32Array {
  const ends = new Int32Array(shares.length + 1);
  let sum = 0;
  for (const [at, share] of shares.entries()) {
    sum += share;
    ends[at + 1] = Math.min(length, Math.floor(sum * length));
  }
  return ends.fill(length, shares.findLastIndex((share) => share > 0) + 1);
}

function gather(
  pools: readonly (readonly number[])[],
  cuts: readonly Int32Array[],
  clients: number,
  random: RandomStream,
): Partition {
  const shuffled = pools.map((rows) => {
    const order = Int32Array.from(rows);
    random.shuffle(order);
    return order;
  });
  const offsets = new Int32Array(clients + 1);
  const parts = Array.from({ length: clients }, (_, client) => {
    const own = Int32Array.from(
      shuffled.flatMap((rows, label) => [...rows.subarray(cuts[label]?.[client], cuts[label]?.[client + 1])]),
    );
    // Not label by label: a task may train without shuffling.
    random.shuffle(own);
    offsets[client + 1] = (offsets[client] ?? 0) + own.length;
    return own;
  });
  const rows = new Int32Array(offsets[clients] ?? 0);
  for (const [client, own] of parts.entries()) rows.set(own, offsets[client]);
  return { offsets, rows };
}
