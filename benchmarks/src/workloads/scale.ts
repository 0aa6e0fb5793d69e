import type { ScaleInput, ScaleOutput } from '../children/scale.js';
import { interleave } from '../interleave.js';
import { rowOf } from '../row.js';
import { askChild } from '../spawned.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

const MANY = 100_000;
const FEW = 1000;
const COHORT = 100;
const MEGABYTE = 1e6;

export const scale: Workload = {
  name: 'scale',
  summary: 'logistic regression, 100 a round: time a round of 100,000 clients against 1,000',
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const sides = [MANY, FEW].map((clients) => ({
      name: `${clients} clients`,
      measure: () => {
        const input: ScaleInput = { clients, clientsPerRound: COHORT, rounds: quick ? 10 : 50 };
        return askChild<ScaleOutput>('scale', input);
      },
    }));
    const [many = [], few = []] = await interleave(sides, repeats(5), say);
    const roundMs = (outputs: readonly ScaleOutput[]) =>
      outputs.map(({ rounds }) => median(rounds.map(({ ms }) => ms)));
    const memoryMb = (outputs: readonly ScaleOutput[]) => outputs.map(({ memoryBytes }) => memoryBytes / MEGABYTE);
    const common = { workload: 'scale', ratio: 'ours/peer' } as const;
    return [
      rowOf({
        ...common,
        measure: 'a round, 100,000 clients',
        unit: 'ms',
        ours: roundMs(many),
        peer: { name: 'with 1,000 clients', values: roundMs(few) },
        target: { of: 'ratio', atMost: 1.2 },
      }),
      rowOf({
        ...common,
        measure: 'memory above start, 100,000 clients',
        unit: 'MB',
        ours: memoryMb(many),
        peer: { name: 'with 1,000 clients', values: memoryMb(few) },
      }),
    ];
  },
};
