import { FedloomError } from '@fedloom/engine';
import type { RandomStream } from '../core/random.js';
import type { Examples, SampleColumn } from './dataset.js';
import {
  ascending,
  type Dealt,
  definePartition,
  evenOffsets,
  type Partition,
  type Partitioner,
  sampleCount,
} from './partition.js';

/**
 * Clients as the data have them: all samples with the same text in a column go to the same client. With as many clients as texts, client i
 * has the i-th of them in the order of their UTF-16 units; with fewer clients, the texts are dealt at random, as evenly as possible. Test
 * samples go where the training samples with their text went; those of other texts go to nobody.
 * @param name a column that the data set keeps for it: one of `ignore` of `csv`, of `columns` of `arrays`
 * @throws FedloomError when dealing `partition.column` when there is no such column, `partition.samples` when there are more clients
 *   than texts
 */
export function byColumn(name: string): Partitioner {
  return definePartition({
    name: `byColumn-${name}`,
    partition(examples, clients, random, split, train) {
      // No test samples have no columns either.
      if (split === 'test' && sampleCount(examples) === 0) {
        return { offsets: new Int32Array(clients + 1), rows: new Int32Array(0) };
      }
      const column = columnOf(examples, name);
      if (split === 'test') {
        if (train === undefined) throw new Error('byColumn deals test samples by the training samples: give them');
        return gather(column, clientsInTraining(train, name), clients);
      }
      const texts = [...new Set(Array.from(column.codes, (code) => column.values[code] ?? ''))].sort();
      if (texts.length < clients) {
        throw new FedloomError(
          'partition.samples',
          `byColumn: column "${name}" has ${texts.length} ${texts.length === 1 ? 'text' : 'texts'} (${listed(texts)}) for ${clients} ` +
            `clients: each needs one at least. Run with ${texts.length}, or fewer.`,
          { samples: texts.length, clients },
        );
      }
      return gather(column, dealTexts(texts, clients, random), clients);
    },
  });
}

/** The client of each text. */
function dealTexts(texts: readonly string[], clients: number, random: RandomStream): ReadonlyMap<string, number> {
  const order = ascending(texts.length);
  if (clients < texts.length) random.shuffle(order);
  const cuts = evenOffsets(texts.length, clients);
  return new Map(
    Array.from({ length: clients }, (_, client) =>
      Array.from(order.subarray(cuts[client], cuts[client + 1]), (at): [string, number] => [texts[at] ?? '', client]),
    ).flat(),
  );
}

function clientsInTraining({ examples, partition }: Dealt, name: string): ReadonlyMap<string, number> {
  const { values, codes } = columnOf(examples, name);
  const { offsets, rows } = partition;
  const found = new Map<string, number>();
  for (let client = 0; client + 1 < offsets.length; client++) {
    for (const row of rows.subarray(offsets[client], offsets[client + 1]))
      found.set(values[codes[row] ?? 0] ?? '', client);
  }
  return found;
}

function gather({ values, codes }: SampleColumn, clientOf: ReadonlyMap<string, number>, clients: number): Partition {
  const parts: number[][] = Array.from({ length: clients }, () => []);
  for (const [row, code] of codes.entries()) {
    const client = clientOf.get(values[code] ?? '');
    if (client !== undefined) parts[client]?.push(row);
  }
  const offsets = new Int32Array(clients + 1);
  for (const [client, rows] of parts.entries()) offsets[client + 1] = (offsets[client] ?? 0) + rows.length;
  return { offsets, rows: Int32Array.from(parts.flat()) };
}

function columnOf({ columns }: Examples, name: string): SampleColumn {
  const found = columns?.get(name);
  if (found !== undefined) return found;
  const known = [...(columns?.keys() ?? [])];
  const rest = known.length === 0 ? 'The data set keeps none.' : `There are ${known.join(', ')}.`;
  throw new FedloomError(
    'partition.column',
    `byColumn: the data set keeps no column "${name}" beside what the model sees. ${rest} csv keeps those that \`ignore\` lists, arrays those ` +
      'of `columns`.',
    { column: name },
  );
}

const LISTED_MAX = 8;

function listed(texts: readonly string[]): string {
  return texts.slice(0, LISTED_MAX).join(', ') + (texts.length > LISTED_MAX ? ', ...' : '');
}
