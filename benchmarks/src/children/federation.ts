/** The process of a federation that trains nothing: server and clients over memory, or the server alone over WebSocket. */
import { createServer, type Run, type RunOptions, simulate } from 'fedloom';
import { noopTask } from '../noop-task.js';
import { roundsFor, type WatchedRound, watchRounds } from '../round-watch.js';
import { done, input, tell } from './parent.js';

export interface FederationInput {
  readonly transport: 'memory' | 'websocket';
  /** Of the model's one tensor. */
  readonly elements: number;
  readonly clients: number;
  /** Rounds to measure; all clients take part in each. */
  readonly rounds: number;
}

/** Sent once the server listens; over WebSocket only. */
export interface Listening {
  readonly url: string;
}

export interface FederationOutput {
  readonly rounds: readonly WatchedRound[];
  /** Highest resident memory of this process above what it was once everything was imported. */
  readonly memoryBytes: number;
}

async function main(): Promise<void> {
  const { transport, elements, clients, rounds } = await input<FederationInput>();
  const task = noopTask(elements);
  const options: RunOptions = { clients, clientsPerRound: clients, rounds: roundsFor(rounds), evaluateEvery: 0 };
  const startBytes = process.memoryUsage().rss;
  let run: Run;
  if (transport === 'memory') run = simulate(task, options);
  else {
    const server = await createServer(task, options);
    tell({ url: server.url } satisfies Listening);
    run = server.run;
  }
  const watched = await watchRounds(run);
  const memoryBytes = process.resourceUsage().maxRSS * 1024 - startBytes;
  tell({ rounds: watched, memoryBytes } satisfies FederationOutput);
  done();
}

await main();
