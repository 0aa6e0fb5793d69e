import { FedloomError } from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
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
  /**
   * A pure function of its arguments. In the train split every client must get a sample; in the test split some may get
   * none. A sample may go to several clients or to none.
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
  const { name, partition } = partitioner;
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
  const trainDealt = {
    examples: train,
    partition: partitioner.partition(train, clients, RandomStream.of(seed, 'partition'), 'train'),
  };
  checkPartition(partitioner.name, trainDealt, clients, 'train');
  const testDealt = {
    examples: test,
    partition: partitioner.partition(test, clients, RandomStream.of(seed, 'partition-test'), 'test', trainDealt),
  };
  checkPartition(partitioner.name, testDealt, clients, 'test');
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

function checkPartition(name: string, { examples, partition }: Dealt, clients: number, split: 'train' | 'test'): void {
  const { offsets, rows } = partition;
  const invalid = (what: string) =>
    new FedloomError('partition.invalid', `Partition "${name}", ${split} split: ${what}.`, { name, split });
  if (offsets.length !== clients + 1)
    throw invalid(`${offsets.length} offsets for ${clients} clients; one more than clients is needed`);
  if (offsets[0] !== 0 || offsets[clients] !== rows.length) {
    throw invalid(
      `the offsets run from ${offsets[0]} to ${offsets[clients]}; they must run from 0 to the ${rows.length} rows`,
    );
  }
  for (let client = 0; client < clients; client++) {
    const count = offsets[client + 1]! - offsets[client]!;
    if (count < 0) throw invalid(`the offsets descend at client ${client}`);
    if (count === 0 && split === 'train') throw invalid(`client ${client} gets no training samples`);
  }
  const samples = sampleCount(examples);
  const bad = firstOutside(rows, samples);
  if (bad !== undefined) throw invalid(`row ${bad} does not exist among ${samples} samples`);
}

function firstOutside(rows: Int32Array, samples: number): number | undefined {
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    if (row < 0 || row >= samples) return row;
  }
  return undefined;
}
