import { RandomStream } from '../core/random.js';
import type { ClientExamples, Examples } from '../data/dataset.js';
import type { Partition } from '../data/partition.js';
import type { PlanTask } from '../task/task.js';
import type { ClientDataSource } from './data-source.js';

/** A task's data set, dealt to the clients by the task's own rule: every process that knows task and seed deals alike. */
export function partitionedSource(task: PlanTask): ClientDataSource {
  let train: { readonly examples: Examples; readonly partition: Partition } | undefined;
  let test: typeof train;
  const rows = (side: typeof train, client: number): ClientExamples => {
    if (side === undefined) throw new Error('partitionedSource.open was not called');
    const { examples, partition } = side;
    const from = partition.offsets[client] as number;
    // Sliced, not a view: a view would send the whole array to a worker thread.
    return { x: examples.x, y: examples.y, rows: partition.rows.slice(from, partition.offsets[client + 1]) };
  };
  return {
    async open(_plan, { clients, seed }) {
      const deal = async (split: 'train' | 'test', purpose: string) => {
        const examples = await task.data.load(split);
        return {
          examples,
          partition: task.partition.partition(examples, clients, RandomStream.of(seed, purpose), split),
        };
      };
      [train, test] = await Promise.all([deal('train', 'partition'), deal('test', 'partition-test')]);
    },
    train: (client) => rows(train, client),
    test: (client) => rows(test, client),
  };
}
