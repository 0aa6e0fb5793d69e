import { checkTask } from '../task/check-task.js';
import type { Task } from '../task/task.js';
import { Listeners, type ListenOptions, listenOptions, listensOf, lobbyPartsOf } from './listening.js';
import { systemLobby } from './lobby/system-lobby.js';
import { openRun, type ServedRun, type ServedRunOptions, servedRunOptions } from './open-run.js';
import { checkRunOptions } from './run/run-options.js';

export interface ServerOptions extends ServedRunOptions, ListenOptions {}

/** A server that listens; its run starts when the clients have joined. */
export interface FederationServer extends ServedRun {
  /** What clients connect to: `ws://127.0.0.1:8080/`. The first of `urls`. */
  readonly url: string;
  /** One for each of `listeners`, in their order. */
  readonly urls: readonly string[];
  /** Cancels the run if it is not over, and stops listening. */
  close(): Promise<void>;
}

/**
 * Opens the federation of a task for clients over WebSocket, or over transports of your own: a lobby with one run.
 * @throws FedloomError `transport.port-in-use`, `server.insecure`, `server.listeners`, `run.options`, `compute.pool`, or what
 *   is wrong with the task
 */
export async function createServer(task: Task, options: ServerOptions): Promise<FederationServer> {
  checkRunOptions(options, { ...servedRunOptions, ...listenOptions });
  checkTask(task);
  const listens = listensOf(options);
  const lobby = systemLobby(lobbyPartsOf(options));
  const listeners = new Listeners();
  const served = await openRun(task, options, lobby, {
    before: () => listeners.open(listens, (connection) => lobby.accept(connection)),
    after: async () => {
      await listeners.close();
      lobby.close();
    },
  });
  return {
    ...served,
    get url() {
      return listeners.url;
    },
    get urls() {
      return listeners.urls;
    },
  };
}
