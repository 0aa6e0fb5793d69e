import type { KrumInput, KrumOutput } from '../children/krum.js';
import { type Row, rowOf } from '../row.js';
import { askChild } from '../spawned.js';
import type { Workload } from '../workload.js';

const UPDATES = 20;
const PASSES = 9;

export const krum: Workload = {
  name: 'krum',
  summary: 'Krum and the median of 20 updates of 0.8 MB',
  comparesWithPyTorch: false,
  async run({ quick, repeats }) {
    const input: KrumInput = { elements: quick ? 20_000 : 200_000, updates: UPDATES, passes: PASSES };
    const outputs: KrumOutput[] = [];
    for (let i = 0; i < repeats(3); i += 1) outputs.push(await askChild<KrumOutput>('krum', input));
    const common = { workload: 'krum', unit: 'ms', ratio: 'ours/peer' } as const;
    const krum = outputs.flatMap(({ krumMs }) => krumMs);
    const plain = { name: 'plain pairwise loop', values: outputs.flatMap(({ plainMs }) => plainMs) };
    const median = outputs.flatMap(({ medianMs }) => medianMs);
    const rows: Row[] = [
      rowOf({ ...common, measure: 'Krum, 20 x 0.8 MB', ours: krum, peer: plain, target: { of: 'ratio', atMost: 1.2 } }),
      rowOf({ ...common, measure: 'median, 20 x 0.8 MB', ours: median, target: { of: 'value', atMost: 1000 } }),
    ];
    return rows;
  },
};
