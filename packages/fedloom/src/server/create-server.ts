import type { Server as HttpServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { FedloomError } from '@fedloom/engine';
import { planEvaluator } from '../compute/executor-factory.js';
import { checkPool, openPool, type PoolChoice } from '../compute/node/pool-choice.js';
import type { PlanExecutor } from '../compute/plan-executor.js';
import type { RoundRecord, RunResult } from '../core/records.js';
import type { Listen, Listener } from '../protocol/transport.js';
import type { Task } from '../task/task.js';
import { webSocketListen } from '../transport/websocket/on-demand.js';
import type { Federation } from './run/federation.js';
import { openFederation } from './run/open-federation.js';
import { Run } from './run/run.js';
import { checkRunOptions, type RunOptions } from './run/run-options.js';

/** What a round waits for its cohort when nobody said: a vanished client must not hold up the others for ever. */
const DEADLINE_MS = 120_000;
/** Longer than it takes to dial again when a line has broken. */
const GRACE_MS = 10_000;
/** How often a server that waits for its first clients says whom it misses. */
const NOTICE_EVERY_MS = 30_000;

export interface ServerOptions extends RunOptions {
  /**
   * Transports to listen on, in place of the one WebSocket that the options below describe; `webSocketListen` may be among
   * them. Who may reach them is up to whoever made them.
   */
  readonly listeners?: readonly Listen[];
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
  /** How often a WebSocket asks its client for a sign of life; below the idle timeout of proxies between. Default 15 s. */
  readonly pingEveryMs?: number;
  /** Threads or processes that evaluate on the server's held-out data. Default: one a core. */
  readonly workers?: number;
  /** What evaluates a plan; results do not depend on it. Default `threads`. */
  readonly pool?: PoolChoice;
  /** Handed to a task's own trainer. */
  readonly dataDir?: string;
}

/** A server that listens; its run starts when the clients have joined. */
export interface FederationServer extends AsyncIterable<RoundRecord> {
  /** What clients connect to: `ws://127.0.0.1:8080/`. The first of `urls`. */
  readonly url: string;
  /** One for each of `listeners`, in their order. */
  readonly urls: readonly string[];
  readonly run: Run;
  readonly result: Promise<RunResult>;
  /** Cancels the run if it is not over, and stops listening. */
  close(): Promise<void>;
}

/**
 * Opens the federation of a task for clients over WebSocket, or over transports of your own.
 * @throws FedloomError `transport.port-in-use`, `server.insecure`, `server.listeners`, `run.options`, `compute.pool`, or what is wrong with
 *   the task
 */
export async function createServer(task: Task, options: ServerOptions): Promise<FederationServer> {
  checkRunOptions(options);
  checkPool(options.pool);
  const listens = listensOf(options);
  const { pool, workers = availableParallelism() } = options;
  const executor = planEvaluator(task, () => openPool(pool, workers));
  // The run begins a turn later, when `opening` is there.
  const run: Run = new Run(async (_events, signal) => {
    const { federation, prepared, closeAll } = await opening;
    try {
      // One more turn: whoever awaits the server can listen first.
      await new Promise((resolve) => setImmediate(resolve));
      run.emit('prepared', prepared);
      federation.open();
      return await resultOf(federation, signal);
    } finally {
      await Promise.allSettled([closeAll(), executor?.close()]);
    }
  }, options.signal);
  const opening = open(task, options, listens, run, executor);
  const { listeners } = await opening.catch(async (error: unknown) => {
    await executor?.close();
    throw error;
  });
  return {
    get url() {
      return (listeners[0] as Listener).url;
    },
    get urls() {
      return listeners.map(({ url }) => url);
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

async function open(
  task: Task,
  options: ServerOptions,
  listens: readonly Listen[],
  events: Run,
  executor: PlanExecutor | undefined,
) {
  const { dataDir } = options;
  const opened = await openFederation(task, options, {
    events,
    evaluator: executor,
    waits: { deadlineMs: DEADLINE_MS, graceMs: GRACE_MS, noticeEveryMs: NOTICE_EVERY_MS },
    ...(dataDir && { dataDir }),
  });
  const listeners: Listener[] = [];
  const closeAll = async () => {
    await Promise.allSettled([...listeners.map((listener) => listener.close()), opened.close()]);
  };
  try {
    for (const listen of listens) {
      listeners.push(await listen((connection) => opened.federation.accept(connection)));
    }
  } catch (error) {
    await closeAll();
    throw error;
  }
  return { ...opened, listeners, closeAll };
}

/** @throws FedloomError `server.listeners` when there are none, or options of a WebSocket beside them */
function listensOf(options: ServerOptions): readonly Listen[] {
  const { listeners, listen, server, path, allowedOrigins, allowedHosts, insecure, pingEveryMs } = options;
  const webSocket = {
    ...listen,
    ...(server && { server }),
    ...(path && { path }),
    ...(allowedOrigins && { allowedOrigins }),
    ...(allowedHosts && { allowedHosts }),
    ...(insecure && { insecure }),
    ...(pingEveryMs !== undefined && { pingEveryMs }),
  };
  if (listeners === undefined) return [webSocketListen(webSocket)];
  const idle = Object.keys(webSocket);
  if (listeners.length > 0 && idle.length === 0) return listeners;
  throw new FedloomError(
    'server.listeners',
    listeners.length === 0
      ? 'A server needs at least one of listeners; leave the option away for a WebSocket on a free port.'
      : `The options ${idle.join(', ')} are of the server's own WebSocket, which listeners replace: give them to webSocketListen in the list.`,
    { options: idle },
  );
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
