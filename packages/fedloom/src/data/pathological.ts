import { FedloomError } from '@fedloom/engine';
import type { RandomStream } from '../core/random.js';
import { labelsOf, rowsByLabel } from './labels.js';
import { dealLikeTraining } from './like-training.js';
import { ascending, definePartition, evenOffsets, type Partitioner, sampleCount } from './partition.js';
import { optionError, requireCount, requireOptions } from './partition-options.js';

export interface PathologicalOptions {
  /** Labels a client has. */
  readonly classes: number;
}

/**
 * Clients with samples of so many labels each, and of no others: labels are dealt at random, so that each goes to as many clients as any
 * other or to one fewer, and the samples of a label are cut evenly among the clients that have it. With fewer places than labels, some
 * labels go to nobody. `shards`, McMahan's rule, does not tie clients to whole labels. Test samples follow the training samples of each
 * client (see `dealLikeTraining`).
 * @throws FedloomError `partition.option`, also when there are fewer labels; when dealing `partition.labels` and `partition.samples`
 */
export function pathological(options: PathologicalOptions): Partitioner {
  const name = 'pathological';
  requireOptions(name, options, ['classes']);
  const { classes } = options;
  requireCount(name, 'classes', classes);
  return definePartition({
    name,
    partition(examples, clients, random, split, train) {
      if (split === 'test') {
        if (train === undefined) throw new Error('pathological deals test samples by the training samples: give them');
        return dealLikeTraining(examples, train, random, name);
      }
      const samples = sampleCount(examples);
      if (samples < clients * classes) {
        throw new FedloomError(
          'partition.samples',
          `${name}: there are ${samples} training samples for ${clients} clients with ${classes} labels each: each label of each needs ` +
            'one at least. Take fewer clients or fewer labels.',
          { samples, clients },
        );
      }
      const pools = [...rowsByLabel(labelsOf(examples, name))];
      if (classes > pools.length) {
        throw optionError(name, 'classes', `is ${classes}, but the training samples have ${pools.length} labels`);
      }
      const holders = dealLabels(pools.length, clients, classes, random);
      const parts: number[][] = Array.from({ length: clients }, () => []);
      for (const [at, [label, pool]] of pools.entries()) {
        const own = holders[at] ?? [];
        if (pool.length < own.length) {
          throw new FedloomError(
            'partition.samples',
            `${name}: label ${label} has ${pool.length} samples for ${own.length} clients: each needs one at least. Take fewer clients.`,
            { samples: pool.length, clients: own.length },
          );
        }
        const rows = Int32Array.from(pool);
        random.shuffle(rows);
        const cuts = evenOffsets(rows.length, own.length);
        for (const [place, client] of own.entries())
          parts[client]?.push(...rows.subarray(cuts[place], cuts[place + 1]));
      }
      const offsets = Int32Array.from([0, ...parts.map(({ length }) => length)]);
      for (let client = 0; client < clients; client++)
        offsets[client + 1] = (offsets[client + 1] ?? 0) + (offsets[client] ?? 0);
      return { offsets, rows: Int32Array.from(parts.flatMap((rows) => shuffled(rows, random))) };
    },
  });
}

/** For each label the clients that have it: every client takes those labels that the fewest have, at random among equals. */
function dealLabels(labels: number, clients: number, classes: number, random: RandomStream): number[][] {
  const holders: number[][] = Array.from({ length: labels }, () => []);
  for (let client = 0; client < clients; client++) {
    const order = ascending(labels);
    random.shuffle(order);
    const count = (label: number) => holders[label]?.length ?? 0;
    const chosen = [...order].sort((a, b) => count(a) - count(b)).slice(0, classes);
    for (const label of chosen) holders[label]?.push(client);
  }
  return holders;
}

/** Not label by label: a task may train without shuffling. */
function shuffled(rows: readonly number[], random: RandomStream): number[] {
  const order = Int32Array.from(rows);
  random.shuffle(order);
  return [...order];
}
