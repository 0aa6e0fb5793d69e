import { interleave } from '../interleave.js';
import { noopFederation } from '../noop-federation.js';
import { rowOf } from '../row.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

const TRANSPORTS = [
  { transport: 'memory', title: 'in memory', atMostMs: 1 },
  { transport: 'websocket', title: 'WebSocket on loopback', atMostMs: 5 },
] as const;

export const empty: Workload = {
  name: 'empty',
  summary: 'a round of one client, 10 parameters and no training: what a round costs at least',
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const input = { elements: 10, clients: 1, rounds: quick ? 50 : 500 };
    const sides = TRANSPORTS.map(({ transport, title }) => ({
      name: title,
      measure: () => noopFederation({ ...input, transport }),
    }));
    const results = await interleave(sides, repeats(3), say);
    return TRANSPORTS.map(({ title, atMostMs }, side) =>
      rowOf({
        workload: 'empty',
        measure: `a round, ${title}`,
        unit: 'ms',
        ours: (results[side] ?? []).map(({ rounds }) => median(rounds.map(({ ms }) => ms))),
        ratio: 'lower is better',
        target: { of: 'value', atMost: atMostMs },
      }),
    );
  },
};
