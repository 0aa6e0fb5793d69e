import type { FoldInput, FoldOutput } from '../children/fold.js';
import { type Row, rowOf } from '../row.js';
import { askChild } from '../spawned.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

const MODELS = [
  { title: '0.8 MB', elements: 200_000, updates: 500 },
  { title: '45 MB', elements: 11_250_000, updates: 20 },
] as const;
const PASSES = 5;

export const fold: Workload = {
  name: 'fold',
  summary: "the server's exact mean over updates of 0.8 MB and 45 MB",
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const rows: Row[] = [];
    for (const { title, elements, updates } of MODELS) {
      say(title);
      const input: FoldInput = { elements, updates: quick ? Math.ceil(updates / 5) : updates, passes: PASSES };
      const outputs: FoldOutput[] = [];
      for (let i = 0; i < repeats(3); i += 1) outputs.push(await askChild<FoldOutput>('fold', input));
      const common = { workload: 'fold', unit: 'GB/s', ratio: 'higher is better' } as const;
      const target = { of: 'value', atLeast: 1 } as const;
      const of = (key: keyof FoldOutput) => outputs.map((output) => median(output[key]));
      rows.push(rowOf({ ...common, measure: `exact mean, ${title}`, ours: of('foldGBs'), target }));
      rows.push(rowOf({ ...common, measure: `checks and exact mean, ${title}`, ours: of('checkedGBs'), target }));
    }
    return rows;
  },
};
