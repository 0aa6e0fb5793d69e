import type { Examples } from '../data/dataset.js';
import { dealExamples, type Partitioner } from '../data/partition.js';
import { type ConformanceCase, check, checkEqual, checkRefused } from './suite.js';

const clients = 5;

/**
 * What every partitioner must do, on samples with class labels and a column `site`. `create` is called for each case and gives partitioners
 * with equal settings.
 */
export function partitionerSuite(create: () => Partitioner): readonly ConformanceCase[] {
  return [
    {
      name: 'has a name',
      run: async () => check(create().name.length > 0, 'the name is empty'),
    },
    {
      name: 'deals rows that exist, in ascending offsets, and to every client a training sample',
      run: async () => {
        // `dealExamples` checks every partition, at each start of a run.
        for (const count of [1, 2, clients, 20]) dealExamples(create(), splits(200, 40), count, 7);
      },
    },
    {
      name: 'is a pure function of data, clients and randomness',
      run: async () => {
        const partitioner = create();
        const first = dealt(partitioner, 7);
        dealt(partitioner, 8);
        checkEqual(dealt(partitioner, 7), first, 'the partition, dealt again,');
        checkEqual(dealt(create(), 7), first, 'the partition of another instance');
      },
    },
    {
      name: 'changes nothing of the samples',
      run: async () => {
        const data = splits(200, 40);
        dealExamples(create(), data, clients, 7);
        checkEqual(plain(data), plain(splits(200, 40)), 'the data after they were dealt');
      },
    },
    {
      name: 'copes with fewer test samples than clients',
      run: async () => {
        dealExamples(create(), splits(200, 2), clients, 7);
      },
    },
    {
      name: 'says that there are too few training samples for so many clients',
      run: () =>
        checkRefused(
          () => dealExamples(create(), splits(3, 3), clients, 7),
          'partition.samples',
          'dealing 3 samples to 5 clients',
        ),
    },
  ];
}

function dealt(partitioner: Partitioner, seed: number): unknown {
  const { train, test } = dealExamples(partitioner, splits(200, 40), clients, seed);
  return [train, test].map(({ partition }) => [[...partition.offsets], [...partition.rows]]);
}

function splits(trainSamples: number, testSamples: number): { readonly train: Examples; readonly test: Examples } {
  return { train: examples(trainSamples), test: examples(testSamples) };
}

/** Two features, one of four labels, and one of 25 sites a sample. */
function examples(count: number): Examples {
  const sites = Array.from({ length: 25 }, (_, at) => `site ${at}`);
  return {
    columns: new Map([['site', { values: sites, codes: Int32Array.from({ length: count }, (_, at) => at % 25) }]]),
    x: { dtype: 'float32', shape: [count, 2], data: Float32Array.from({ length: 2 * count }, (_, at) => at) },
    y: { dtype: 'int32', shape: [count], data: Int32Array.from({ length: count }, (_, at) => (3 * at) % 4) },
  };
}

function plain({ train, test }: ReturnType<typeof splits>): unknown {
  return [train, test].map(({ x, y }) => [Array.from(x.data, Number), Array.from(y.data, Number)]);
}
