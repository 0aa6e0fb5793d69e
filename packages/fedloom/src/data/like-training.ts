import type { RandomStream } from '../core/random.js';
import type { Examples } from './dataset.js';
import { labelsOf, rowsByLabel } from './labels.js';
import type { Dealt, Partition } from './partition.js';

/**
 * Deals test samples so that each client is tested on what it trains on: the test samples of a label, in random order,
 * go to the clients that hold the label for training, in proportion to how many of it they hold. So a client never meets
 * a label in its test that it has not seen; it may lack labels where test samples are few. Labels without training
 * samples go to nobody.
 */
export function dealLikeTraining(test: Examples, train: Dealt, random: RandomStream, partitioner: string): Partition {
  const trainLabels = labelsOf(train.examples, partitioner);
  const { offsets: trainOffsets, rows: trainRows } = train.partition;
  const trainTotals = countLabels(trainLabels, trainRows);
  const pools = rowsByLabel(labelsOf(test, partitioner));
  const shuffled = new Map([...pools].map(([label, rows]) => [label, inRandomOrder(rows, random)]));
  const clients = trainOffsets.length - 1;
  const offsets = new Int32Array(clients + 1);
  const rows: number[] = [];
  const dealt = new Map<number, number>();
  for (let client = 0; client < clients; client++) {
    const held = countLabels(trainLabels, trainRows.subarray(trainOffsets[client], trainOffsets[client + 1]));
    for (const [label, count] of [...held].sort(([a], [b]) => a - b)) {
      const pool = shuffled.get(label) ?? [];
      const before = dealt.get(label) ?? 0;
      const share = pool.length / trainTotals.get(label)!;
      for (const row of pool.slice(Math.round(before * share), Math.round((before + count) * share))) rows.push(row);
      dealt.set(label, before + count);
    }
    offsets[client + 1] = rows.length;
  }
  return { offsets, rows: Int32Array.from(rows) };
}

function countLabels(labels: Int32Array, rows: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(labels[row]!, (counts.get(labels[row]!) ?? 0) + 1);
  return counts;
}

function inRandomOrder(rows: readonly number[], random: RandomStream): Int32Array {
  const shuffled = Int32Array.from(rows);
  random.shuffle(shuffled);
  return shuffled;
}
