import { elementCount, type NamedTensors } from '@fedloom/engine';
import { ExactMean } from './exact-mean.js';
import type { RunningSum, SumFold } from './fold-contract.js';
import type { UpdateSpec } from './update.js';

/** The exact weighted mean. */
export function meanFold(): SumFold {
  return Object.freeze({
    kind: 'sum' as const,
    name: 'mean',
    options: {},
    memoryBytes: (specs: readonly UpdateSpec[]) => specs.reduce((sum, { shape }) => sum + 20 * elementCount(shape), 0),
    start(specs: readonly UpdateSpec[]): RunningSum {
      const weighted = new ExactMean(
        specs.filter(({ kind }) => kind !== 'buffer'),
        { float64: true },
      );
      const buffers = new ExactMean(
        specs.filter(({ kind }) => kind === 'buffer'),
        { float64: true },
      );
      const pick = (tensors: NamedTensors, buffer: boolean) =>
        new Map(
          specs.filter(({ kind }) => (kind === 'buffer') === buffer).map(({ name }) => [name, tensors.get(name)!]),
        );
      return {
        get count() {
          return weighted.count;
        },
        add({ update, weight }) {
          weighted.add(pick(update.tensors, false), weight);
          buffers.add(pick(update.tensors, true), update.facts.sampleCount ?? 1);
        },
        partial: () => {
          throw new Error('not yet');
        },
        merge: () => {
          throw new Error('not yet');
        },
        finish: () => new Map([...weighted.finish(), ...buffers.finish()].sort(([a], [b]) => (a < b ? -1 : 1))),
        reset() {
          weighted.reset();
          buffers.reset();
        },
      };
    },
  });
}
