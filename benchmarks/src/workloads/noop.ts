import type { FederationInput, FederationOutput } from '../children/federation.js';
import { interleave } from '../interleave.js';
import { noopFederation } from '../noop-federation.js';
import { ownCertificate } from '../own-certificate.js';
import { type Row, rowOf } from '../row.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

const CLIENTS = 1000;
/** 0.8 MB. */
const ELEMENTS = 200_000;
const MEGABYTE = 1e6;
const TARGET_MS = { memory: 1, websocket: 3 };
/** Over WebSocket with TLS, as a multiple of the same without. */
const TARGET_TLS = 1.5;
const TARGET_MEMORY_MB = 300;
const TITLES = { memory: 'in memory', websocket: 'WebSocket, clients in 2 processes' };
const HOST_PROCESSES = 2;

export const noop: Workload = {
  name: 'noop',
  summary: 'training that does nothing, 1,000 clients a round, 0.8 MB: time a client update, server memory; with TLS',
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const input = { elements: ELEMENTS, clients: CLIENTS, rounds: quick ? 1 : 5 };
    const transports = ['memory', 'websocket'] as const;
    const { tls, ca } = await ownCertificate();
    const encrypted: FederationInput = { ...input, transport: 'websocket', tls };
    const sides = [
      ...transports.map((transport) => ({
        name: TITLES[transport],
        measure: () => noopFederation({ ...input, transport } satisfies FederationInput, HOST_PROCESSES),
      })),
      { name: `${TITLES.websocket}, TLS`, measure: () => noopFederation(encrypted, HOST_PROCESSES, ca) },
    ];
    const [memory = [], plain = [], withTls = []] = await interleave(sides, repeats(3), say);
    return [...rowsOf('memory', memory), ...rowsOf('websocket', plain), tlsRow(withTls, plain)];
  },
};

function updateMsOf(outputs: readonly FederationOutput[]): number[] {
  return outputs.map(({ rounds }) => median(rounds.map(({ ms }) => ms)) / CLIENTS);
}

function cpuMsOf(outputs: readonly FederationOutput[]): string {
  return median(outputs.map(({ updateCpuMs }) => updateCpuMs)).toFixed(2);
}

function rowsOf(transport: 'memory' | 'websocket', outputs: readonly FederationOutput[]): Row[] {
  const foldMs = outputs.map(({ rounds }) => median(rounds.map(({ foldMs }) => foldMs)) / CLIENTS);
  const memoryMb = outputs.map(({ memoryBytes }) => memoryBytes / MEGABYTE);
  const common = { workload: 'noop', ratio: 'lower is better' } as const;
  return [
    rowOf({
      ...common,
      measure: `time a client update, ${TITLES[transport]}`,
      unit: 'ms',
      ours: updateMsOf(outputs),
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

function tlsRow(withTls: readonly FederationOutput[], plain: readonly FederationOutput[]): Row {
  return rowOf({
    workload: 'noop',
    measure: 'time a client update, the same with TLS',
    unit: 'ms',
    ours: updateMsOf(withTls),
    peer: { name: 'without TLS', values: updateMsOf(plain) },
    ratio: 'ours/peer',
    target: { of: 'ratio', atMost: TARGET_TLS },
    note: `processor time of the server: ${cpuMsOf(withTls)} ms, without TLS ${cpuMsOf(plain)} ms`,
  });
}
