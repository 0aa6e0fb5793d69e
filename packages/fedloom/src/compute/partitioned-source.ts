import { loadExamples } from '../data/load-examples.js';
import { type Dealt, dealExamples, examplesOf } from '../data/partition.js';
import type { PlanTask } from '../task/task.js';
import type { ClientDataSource } from './data-source.js';

/**
 * A task's data set, dealt to the clients by the task's own rule: every process that knows task and seed deals alike. It is
 * loaded at once, while whoever called compiles the plan; `open` tells if that failed.
 */
export function partitionedSource(task: PlanTask): ClientDataSource {
  const splits = Promise.all([loadExamples(task.data, 'train'), loadExamples(task.data, 'test')]);
  splits.catch(() => {});
  let dealt: { readonly train: Dealt; readonly test: Dealt } | undefined;
  const opened = () => {
    if (dealt === undefined) throw new Error('partitionedSource.open was not called');
    return dealt;
  };
  return {
    async open(_plan, { clients, seed }) {
      const [train, test] = await splits;
      dealt = dealExamples(task.partition, { train, test }, clients, seed);
    },
    train: (client) => {
      const examples = examplesOf(opened().train, client);
      if (examples === undefined) throw new Error(`client ${client} was dealt no samples`);
      return examples;
    },
    test: (client) => examplesOf(opened().test, client),
  };
}
