import type { Server as HttpServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { FedloomError, type PlanManifest } from '@fedloom/engine';
import type { ClientDataSource } from '../compute/data-source.js';
import { BatchingPool } from '../compute/node/batching-pool.js';
import { PlanExecutor } from '../compute/node/plan-executor.js';
import type { RoundRecord, RunResult } from '../core/records.js';
import type { Task } from '../task/task.js';
import { isLoopback } from '../transport/websocket/upgrade-check.js';
import type { Federation } from './run/federation.js';
import { openFederation } from './run/open-federation.js';
import { Run } from './run/run.js';
import { checkRunOptions, type RunOptions } from './run/run-options.js';

const LOOPBACK = '127.0.0.1';
/** What a round waits for its cohort when nobody said: a vanished client must not hold up the others for ever. */
const DEADLINE_MS = 120_000;

export interface ServerOptions extends RunOptions {
  /** Address to listen on. Default 127.0.0.1 and a free port. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** Attach to this HTTP server instead of opening a port. */
  readonly server?: HttpServer;
  /** Path of the WebSocket endpoint. Default `/`. */
  readonly path?: string;
  /** Listen beyond loopback although nothing is encrypted and nobody is asked who they are. */
  readonly insecure?: boolean;
  /** Browser pages from these origins may connect. Default none. */
  readonly allowedOrigins?: readonly string[];
  /** Names under which clients may reach the server, beside the address itself and loopback names. */
  readonly allowedHosts?: readonly string[];
  /** Threads that evaluate on the server's held-out data. Default: one a core. */
  readonly workers?: number;
  /** Handed to a task's own trainer. */
  readonly dataDir?: string;
}

/** A server that listens; its run starts when the clients have joined. */
export interface FederationServer extends AsyncIterable<RoundRecord> {
  /** What clients connect to: `ws://127.0.0.1:8080/`. */
  readonly url: string;
  readonly run: Run;
  readonly result: Promise<RunResult>;
  /** Cancels the run if it is not over, and closes the port. */
  close(): Promise<void>;
}

/**
 * Opens the federation of a task for clients over WebSocket.
 * @throws FedloomError `transport.port-in-use`, `server.insecure`, `run.options`, or what is wrong with the task
 */
export async function createServer(task: Task, options: ServerOptions): Promise<FederationServer> {
  checkRunOptions(options);
  refuseOpenAddress(options);
  const executor =
    task.kind === 'plan'
      ? new PlanExecutor({
          threads: new BatchingPool(options.workers ?? availableParallelism()),
          source: noClients,
          trains: false,
        })
      : undefined;
  // The run begins a turn later, when `opening` is there.
  const run: Run = new Run(async (_events, signal) => {
    const { federation, prepared, closeAll } = await opening;
    try {
      // One more turn: whoever awaits the server can listen first.
      await new Promise((resolve) => setImmediate(resolve));
      run.emit('prepared', prepared);
      return await resultOf(federation, signal);
    } finally {
      await closeAll();
    }
  }, options.signal);
  const opening = open(task, options, run, executor);
  const { listener } = await opening.catch(async (error: unknown) => {
    await executor?.close();
    throw error;
  });
  return {
    get url() {
      return listener.url;
    },
    run,
    result: run.result,
    close: async () => {
      run.cancel();
      await run.result.catch(() => {});
    },
    [Symbol.asyncIterator]: () => run[Symbol.asyncIterator](),
  };
}

async function open(task: Task, options: ServerOptions, events: Run, executor: PlanExecutor | undefined) {
  const { dataDir, server, path, allowedOrigins, allowedHosts } = options;
  const opened = await openFederation(task, options, {
    events,
    evaluator: executor,
    deadlineMs: DEADLINE_MS,
    ...(dataDir && { dataDir }),
  });
  // Loaded here: a simulation, which imports this module too, needs no sockets and starts 50 ms sooner.
  const { listenWebSocket } = await import('../transport/websocket/listen.js');
  const listener = await listenWebSocket(
    {
      host: options.listen?.host ?? LOOPBACK,
      port: options.listen?.port ?? 0,
      ...(server && { server }),
      ...(path && { path }),
      ...(allowedOrigins && { allowedOrigins }),
      ...(allowedHosts && { allowedHosts }),
    },
    (connection) => opened.federation.accept(connection),
  ).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  const closeAll = async () => {
    await Promise.allSettled([listener.close(), opened.close(), executor?.close()]);
  };
  return { ...opened, listener, closeAll };
}

/** The federation's result; when the signal aborts, that of the rounds so far. */
export async function resultOf(federation: Federation, signal: AbortSignal): Promise<RunResult> {
  const cancel = () => federation.cancel();
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  try {
    return await federation.result;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function refuseOpenAddress({ listen, insecure, server }: ServerOptions): void {
  const host = listen?.host ?? LOOPBACK;
  if (server !== undefined || insecure || isLoopback(host)) return;
  throw new FedloomError(
    'server.insecure',
    `The server would listen on ${host}, which other machines can reach, without encryption and without asking who a client is. ` +
      'Listen on 127.0.0.1, or say insecure: true (--insecure) on a network you trust.',
    { host },
  );
}

/** The server's executor only evaluates: it hosts no clients. */
const noClients: ClientDataSource = {
  open: async (_plan: PlanManifest) => {},
  train: () => {
    throw new Error('the server hosts no clients');
  },
  test: () => undefined,
};
