import { loadExamples } from '../data/load-examples.js';
import { type Dealt, dealExamples, examplesOf } from '../data/partition.js';
import type { PlanTask } from '../task/task.js';
import type { ClientDataSource } from './data-source.js';

export interface PartitionedSource extends ClientDataSource {
  /** Deals before `open`, which then need not: so that who starts a run knows beforehand whether it can be done. */
  deal(clients: number, seed: number): Promise<void>;
}

/**
 * A task's data set, dealt to the clients by the task's own rule: every process that knows task and seed deals alike. It is
 * loaded at once, while whoever called compiles the plan; `deal` and `open` tell if that failed.
 */
export function partitionedSource(task: PlanTask): PartitionedSource {
  const splits = Promise.all([loadExamples(task.data, 'train'), loadExamples(task.data, 'test')]);
  splits.catch(() => {});
  let dealt:
    | { readonly train: Dealt; readonly test: Dealt; readonly clients: number; readonly seed: number }
    | undefined;
  const opened = () => {
    if (dealt === undefined) throw new Error('partitionedSource.open was not called');
    return dealt;
  };
  const deal = async (clients: number, seed: number) => {
    const [train, test] = await splits;
    if (dealt?.clients === clients && dealt.seed === seed) return;
    dealt = { ...dealExamples(task.partition, { train, test }, clients, seed), clients, seed };
  };
  return {
    deal,
    open: (_plan, { clients, seed }) => deal(clients, seed),
    train: (client) => {
      const examples = examplesOf(opened().train, client);
      if (examples === undefined) throw new Error(`client ${client} was dealt no samples`);
      return examples;
    },
    test: (client) => examplesOf(opened().test, client),
  };
}
