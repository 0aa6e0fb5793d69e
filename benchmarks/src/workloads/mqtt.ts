import type { BareInput, BareOutput, BareReady } from '../children/bare-mqtt.js';
import type { FederationOutput } from '../children/federation.js';
import { interleave } from '../interleave.js';
import { mosquittoMissing, withMosquitto } from '../mosquitto.js';
import { noopFederation } from '../noop-federation.js';
import { type Row, rowOf } from '../row.js';
import { startChild } from '../spawned.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

const CLIENTS = 1000;
/** 0.8 MB. */
const ELEMENTS = 200_000;
const HOST_PROCESSES = 2;
const MEGABYTE = 1e6;
/** As much of an update as goes into a packet of ours. */
const CHUNK_BYTES = 240_000;

type Broker = string | undefined;

export const mqtt: Workload = {
  name: 'mqtt',
  summary: 'an empty round, and 1,000 updates of 0.8 MB, over MQTT: against the same bytes through the bare broker',
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const brokers: (readonly [string, (work: (broker: Broker) => Promise<Row[]>) => Promise<Row[]>])[] = [
      ["the server's own broker", (work) => work(undefined)],
    ];
    if (mosquittoMissing === undefined) brokers.push(['mosquitto', withMosquitto]);
    else say(mosquittoMissing);
    const rows: Row[] = [];
    for (const [title, within] of brokers) {
      rows.push(...(await within((broker) => emptyRounds(title, broker, quick ? 50 : 500, repeats(3), say))));
      rows.push(...(await within((broker) => updates(title, broker, quick ? 1 : 3, repeats(3), say))));
    }
    return rows;
  },
};

async function emptyRounds(
  title: string,
  broker: Broker,
  rounds: number,
  repeats: number,
  say: (line: string) => void,
): Promise<Row[]> {
  const federation = () => noopFederation({ elements: 10, clients: 1, rounds, transport: 'mqtt', ...given(broker) });
  // Its bytes are those that the other side exchanges.
  const { bytes } = await federation();
  const sides = [
    {
      name: `empty rounds, ${title}`,
      measure: async () => median((await federation()).rounds.map(({ ms }) => ms)),
    },
    {
      name: `bare messages, ${title}`,
      measure: async () => median((await bare(1, { echo: { ...bytes, times: rounds }, ...given(broker) })).ms),
    },
  ];
  const [ours = [], values = []] = await interleave(sides, repeats, say);
  return [
    rowOf({
      workload: 'mqtt',
      measure: `an empty round, ${title}`,
      unit: 'ms',
      ours,
      peer: { name: `${bytes.down} + ${bytes.up} bytes there and back`, values },
      ratio: 'ours/peer',
      target: { of: 'ratio', atMost: 2 },
    }),
  ];
}

async function updates(
  title: string,
  broker: Broker,
  rounds: number,
  repeats: number,
  say: (line: string) => void,
): Promise<Row[]> {
  const messages = Math.ceil((CLIENTS * ELEMENTS * 4) / CHUNK_BYTES / HOST_PROCESSES);
  const outputs: FederationOutput[] = [];
  const sides = [
    {
      name: `updates, ${title}`,
      measure: async () => {
        const size = { elements: ELEMENTS, clients: CLIENTS, rounds };
        const output = await noopFederation({ ...size, transport: 'mqtt', ...given(broker) }, HOST_PROCESSES);
        outputs.push(output);
        return median(output.rounds.map(({ ms }) => ms)) / CLIENTS;
      },
    },
    {
      name: `bare chunks, ${title}`,
      measure: async () => {
        const flood = { bytes: CHUNK_BYTES, messages };
        return median((await bare(HOST_PROCESSES, { flood, ...given(broker) })).ms) / CLIENTS;
      },
    },
  ];
  const [ours = [], values = []] = await interleave(sides, repeats, say);
  const foldMs = median(outputs.flatMap((output) => output.rounds.map((round) => round.foldMs / CLIENTS)));
  return [
    rowOf({
      workload: 'mqtt',
      measure: `time a client update of 0.8 MB, ${title}`,
      unit: 'ms',
      ours,
      peer: { name: `${messages * HOST_PROCESSES} chunks of 240 kB`, values },
      ratio: 'ours/peer',
      target: { of: 'ratio', atMost: 1.5 },
      note: `of which the fold: ${foldMs.toFixed(3)} ms`,
    }),
    rowOf({
      workload: 'mqtt',
      measure: `server memory above start, ${title}`,
      unit: 'MB',
      ours: outputs.map(({ memoryBytes }) => memoryBytes / MEGABYTE),
      ratio: 'lower is better',
      target: { of: 'value', atMost: 300 },
    }),
  ];
}

function given(broker: Broker): { readonly broker?: string } {
  return broker === undefined ? {} : { broker };
}

/** The same through the bare broker, between processes of their own. */
async function bare(edges: number, work: Pick<BareInput, 'echo' | 'flood' | 'broker'>): Promise<BareOutput> {
  const hub = startChild('bare-mqtt', { role: 'hub', edges, ...work } satisfies BareInput);
  const { broker } = await hub.next<BareReady>();
  const children = Array.from({ length: edges }, () =>
    startChild('bare-mqtt', { role: 'edge', edges, ...work, broker } satisfies BareInput),
  );
  const output = await hub.next<BareOutput>();
  await Promise.all([hub, ...children].map(({ ended }) => ended));
  return output;
}
