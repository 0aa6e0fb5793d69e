import type { FederationInput, FederationOutput } from '../children/federation.js';
import { interleave } from '../interleave.js';
import { noopFederation } from '../noop-federation.js';
import { type Row, rowOf } from '../row.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

const CLIENTS = 1000;
/** 0.8 MB. */
const ELEMENTS = 200_000;
const MEGABYTE = 1e6;
const TARGET_MS = { memory: 1, websocket: 3 };
const TARGET_MEMORY_MB = 300;
const TITLES = { memory: 'in memory', websocket: 'WebSocket, clients in 2 processes' };
const HOST_PROCESSES = 2;

export const noop: Workload = {
  name: 'noop',
  summary: 'training that does nothing, 1,000 clients a round, 0.8 MB: time a client update, server memory',
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const input = { elements: ELEMENTS, clients: CLIENTS, rounds: quick ? 1 : 5 };
    const transports = ['memory', 'websocket'] as const;
    const sides = transports.map((transport) => ({
      name: TITLES[transport],
      measure: () => noopFederation({ ...input, transport } satisfies FederationInput, HOST_PROCESSES),
    }));
    const results = await interleave(sides, repeats(3), say);
    return transports.flatMap((transport, side) => rowsOf(transport, results[side] ?? []));
  },
};

function rowsOf(transport: 'memory' | 'websocket', outputs: readonly FederationOutput[]): Row[] {
  const updateMs = outputs.map(({ rounds }) => median(rounds.map(({ ms }) => ms)) / CLIENTS);
  const foldMs = outputs.map(({ rounds }) => median(rounds.map(({ foldMs }) => foldMs)) / CLIENTS);
  const memoryMb = outputs.map(({ memoryBytes }) => memoryBytes / MEGABYTE);
  const common = { workload: 'noop', ratio: 'lower is better' } as const;
  return [
    rowOf({
      ...common,
      measure: `time a client update, ${TITLES[transport]}`,
      unit: 'ms',
      ours: updateMs,
      target: { of: 'value', atMost: TARGET_MS[transport] },
      note: `of which the fold: ${median(foldMs).toFixed(3)} ms`,
    }),
    rowOf({
      ...common,
      measure: transport === 'memory' ? 'memory above start, server and clients' : 'server memory above start',
      unit: 'MB',
      ours: memoryMb,
      target: { of: 'value', atMost: TARGET_MEMORY_MB },
    }),
  ];
}
