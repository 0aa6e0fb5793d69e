import { FedloomError } from '@fedloom/engine';
import type { Task } from '../task/task.js';
import { Listeners, type ListenOptions, listensOf, lobbyPartsOf } from './listening.js';
import { systemLobby } from './lobby/system-lobby.js';
import { openRun, type ServedRun, type ServedRunOptions, servedRunOptions } from './open-run.js';
import { checkRunOptions } from './run/run-options.js';

export interface LobbyOptions extends ListenOptions {
  /** Close when the last of the runs that were opened is over. Default false: a lobby without runs waits for others. */
  readonly closeAfterLastRun?: boolean;
}

/** A server for several runs: one address, one limit on memory for what comes in; each client names its run. */
export interface FederationLobby {
  /** What clients connect to: `ws://127.0.0.1:8080/`. The first of `urls`. */
  readonly url: string;
  /** One for each of `listeners`, in their order. */
  readonly urls: readonly string[];
  /** Those that are not over, by their names, in the order in which they were opened. */
  readonly runs: ReadonlyMap<string, ServedRun>;
  /** Settles when the lobby has closed. */
  readonly closed: Promise<void>;
  /**
   * Opens another run. Its name is `options.run`; what goes wrong in it goes wrong in no other.
   * @throws FedloomError `run.options`, `compute.pool`, `lobby.run-taken`, `lobby.closed`, or what is wrong with the task
   */
  open(task: Task, options: ServedRunOptions): Promise<ServedRun>;
  /** Cancels the runs that are not over, and stops listening. */
  close(): Promise<void>;
}

/**
 * Listens for the clients of several runs, over WebSocket or transports of your own.
 *
 * @example
 * const lobby = await createLobby({ listen: { port: 8080 } });
 * const digits = await lobby.open(digitsTask, { run: 'digits', clients: 10, clientsPerRound: 10, rounds: 30 });
 * const texts = await lobby.open(textsTask, { run: 'texts', clients: 4, clientsPerRound: 2, rounds: 100 });
 * await Promise.allSettled([digits.result, texts.result]);
 * await lobby.close();
 * @throws FedloomError `transport.port-in-use`, `server.insecure`, `server.listeners`
 */
export async function createLobby(options: LobbyOptions = {}): Promise<FederationLobby> {
  const lobby = systemLobby(lobbyPartsOf(options));
  const listeners = new Listeners();
  await listeners.open(listensOf(options), (connection) => lobby.accept(connection));
  const runs = new Map<string, ServedRun>();
  /** Opened or about to be, and not over. */
  let underWay = 0;
  let closing: Promise<void> | undefined;
  let hasClosed: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    hasClosed = resolve;
  });

  async function closeAll(): Promise<void> {
    await Promise.all([...runs.values()].map((run) => run.close()));
    await listeners.close();
    lobby.close();
    hasClosed();
  }
  const close = () => {
    closing ??= closeAll();
    return closing;
  };

  async function open(task: Task, runOptions: ServedRunOptions): Promise<ServedRun> {
    if (closing !== undefined) throw closedAlready();
    checkRunOptions(runOptions, servedRunOptions);
    underWay += 1;
    let name: string | undefined;
    const served = await openRun(task, runOptions, lobby, {
      after: async () => {
        if (name !== undefined) runs.delete(name);
        underWay -= 1;
        // Not awaited: the lobby waits for the run, not the run for the lobby.
        if (underWay === 0 && options.closeAfterLastRun) void close();
      },
    });
    name = served.name;
    runs.set(name, served);
    // It closed while the task compiled, and knew nothing of this run.
    if (closing !== undefined) {
      await served.close();
      throw closedAlready();
    }
    return served;
  }

  return {
    get url() {
      return listeners.url;
    },
    get urls() {
      return listeners.urls;
    },
    runs,
    closed,
    open,
    close,
  };
}

function closedAlready(): FedloomError {
  return new FedloomError('lobby.closed', 'This lobby is closed, or closing: open the run in another.');
}
