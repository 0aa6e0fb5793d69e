/** The process of a federation that trains nothing: server and clients over memory, or the server alone over WebSocket. */
import { createServer, type Listen, type Run, type RunOptions, type ServerTls, simulate } from 'fedloom';
import { noopTask } from '../noop-task.js';
import { roundsFor, type WatchedRound, watchRounds } from '../round-watch.js';
import { done, input, tell } from './parent.js';

export interface FederationInput {
  readonly transport: 'memory' | 'websocket' | 'mqtt';
  /** Over MQTT: the broker to use, in place of one of the server's own. */
  readonly broker?: string;
  /** Over WebSocket: encrypt with this. */
  readonly tls?: ServerTls;
  /** Of the model's one tensor. */
  readonly elements: number;
  readonly clients: number;
  /** Rounds to measure; all clients take part in each. */
  readonly rounds: number;
}

/** Sent once the server listens; not in memory. */
export interface Listening {
  readonly url: string;
}

export interface FederationOutput {
  readonly rounds: readonly WatchedRound[];
  /** Highest resident memory of this process above what it was once everything was imported. */
  readonly memoryBytes: number;
  /** Processor time of this process for an update, those of all rounds. */
  readonly updateCpuMs: number;
  /** Of frames, in a round: the median. */
  readonly bytes: { readonly up: number; readonly down: number };
}

async function main(): Promise<void> {
  const { transport, broker, tls, elements, clients, rounds } = await input<FederationInput>();
  const task = noopTask(elements);
  const options: RunOptions = { clients, clientsPerRound: clients, rounds: roundsFor(rounds), evaluateEvery: 0 };
  const startBytes = process.memoryUsage().rss;
  const startCpu = process.cpuUsage();
  let run: Run;
  if (transport === 'memory') run = simulate(task, options);
  else {
    const server = await createServer(task, {
      ...options,
      ...(tls && { tls }),
      ...(transport === 'mqtt' && { listeners: [await mqtt(broker)] }),
    });
    tell({ url: server.url } satisfies Listening);
    run = server.run;
  }
  const watched = await watchRounds(run);
  const memoryBytes = process.resourceUsage().maxRSS * 1024 - startBytes;
  const { user, system } = process.cpuUsage(startCpu);
  const updateCpuMs = (user + system) / 1000 / (roundsFor(rounds) * clients);
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  const bytes = { up: middle(watched.map(({ up }) => up)), down: middle(watched.map(({ down }) => down)) };
  tell({ rounds: watched, memoryBytes, updateCpuMs, bytes } satisfies FederationOutput);
  done();
}

async function mqtt(broker: string | undefined): Promise<Listen> {
  const { brokerListen, mqttListen } = await import('@fedloom/transport-mqtt');
  return broker === undefined ? mqttListen() : brokerListen(broker);
}

await main();
