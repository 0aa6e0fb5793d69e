import { FedloomError } from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
import { checkPartition } from './check-partition.js';
import type { ClientExamples, Examples } from './dataset.js';

/** Which samples each client holds: client i has `rows[offsets[i]]` up to, not including, `rows[offsets[i + 1]]`. */
export interface Partition {
  /** One more than there are clients, ascending from 0. */
  readonly offsets: Int32Array;
  readonly rows: Int32Array;
}

/** Samples with how they were dealt. */
export interface Dealt {
  readonly examples: Examples;
  readonly partition: Partition;
}

/** Deals a data set's samples to simulated clients. Made with `definePartition`. */
export interface Partitioner {
  readonly name: string;
  /** Training samples may go to several clients, or to one several times, without an error. Default false. */
  readonly overlapping?: boolean;
  /**
   * A pure function of its arguments, which answers at once, not with a promise. In the train split every client must get a sample, and
   * none twice; in the test split some may get none. A sample may go to nobody.
   * @param train for the test split: the training samples as they were dealt, so that a rule can give a client test
   *   samples that are like its training samples
   */
  partition(
    examples: Examples,
    clients: number,
    random: RandomStream,
    split: 'train' | 'test',
    train?: Dealt,
  ): Partition;
}

/** Checks a partitioner and freezes it. The built-in ones are made the same way. */
export function definePartition(partitioner: Partitioner): Partitioner {
  const { name, partition } = partitioner ?? {};
  if (typeof name !== 'string' || name === '' || typeof partition !== 'function') {
    throw new FedloomError(
      'partition.definition',
      'definePartition takes { name, partition(examples, clients, random, split) }.',
    );
  }
  return Object.freeze({ ...partitioner });
}

/**
 * Deals both splits of a data set. Every process that knows data, rule and seed deals alike.
 * @throws FedloomError `partition.samples` when there are too few samples for the rule, `partition.invalid` when its result
 *   is no partition.
 */
export function dealExamples(
  partitioner: Partitioner,
  splits: { readonly train: Examples; readonly test: Examples },
  clients: number,
  seed: number,
): { readonly train: Dealt; readonly test: Dealt } {
  const { train, test } = splits;
  const deal = (examples: Examples, split: 'train' | 'test', purpose: string, dealt?: Dealt): Dealt => {
    const partition = partitioner.partition(examples, clients, RandomStream.of(seed, purpose), split, dealt);
    return {
      examples,
      partition: checkPartition(partitioner, partition, { samples: sampleCount(examples), clients, split }),
    };
  };
  const trainDealt = deal(train, 'train', 'partition');
  const testDealt = deal(test, 'test', 'partition-test', trainDealt);
  return { train: trainDealt, test: testDealt };
}

/** What was dealt to a client; its `rows` are a copy, cheap to send to a worker thread. Undefined if that is nothing. */
export function examplesOf({ examples, partition }: Dealt, client: number): ClientExamples | undefined {
  const rows = partition.rows.slice(partition.offsets[client], partition.offsets[client + 1]);
  return rows.length === 0 ? undefined : { x: examples.x, y: examples.y, rows };
}

export function sampleCount(examples: Examples): number {
  return examples.x.shape[0]!;
}

/** Offsets of `pieces` contiguous pieces of `length` places whose sizes differ by at most one, the larger ones first. */
export function evenOffsets(length: number, pieces: number): Int32Array {
  const small = Math.floor(length / pieces);
  const larger = length % pieces;
  return Int32Array.from({ length: pieces + 1 }, (_, piece) => piece * small + Math.min(piece, larger));
}

/** 0 to `count` - 1. A loop, since a function called for each of 60,000 takes ten times as long. */
export function ascending(count: number): Int32Array {
  const numbers = new Int32Array(count);
  for (let at = 0; at < count; at++) numbers[at] = at;
  return numbers;
}
