import type { FedloomError } from '@fedloom/engine/base';
import { type LaunchedPart, partFailure } from './launched-part.js';
import { type Part, type PartEnd, startPart } from './part.js';
import { settlesWithin } from './settles-within.js';

/** For the server to write down how its run ended, */
const SERVER_LEAVE_SECONDS = 20;
/** and for clients to say goodbye. */
const CLIENT_LEAVE_SECONDS = 5;
/** Over a line that broke, nobody says that a part has ended. */
const LINE_SECONDS = 5;
/** A run that ends takes its clients along: their end may be seen before the server's. */
const END_MS = 1_000;

/** What the server's process prints with `--json`. */
export interface ServerEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Supervised {
  readonly server: LaunchedPart;
  /** The clients' processes, once it is known where the server listens, as it says it. */
  readonly clients: (url: string) => readonly LaunchedPart[];
  /** Clients without whom the run does not begin. */
  readonly minimumClients: number;
  /** A line that a part wrote. Of the server's events only those that are none. */
  readonly onLine: (part: LaunchedPart, line: string, stream: 'stdout' | 'stderr') => void;
  readonly onEvent: (event: ServerEvent) => void;
  /** A part ended, and the run goes on without it. */
  readonly onLost: (failure: FedloomError) => void;
  /** Has everything end in order. */
  readonly signal: AbortSignal;
}

/**
 * Starts a server and its clients, and waits until all have ended. One that dies is handled by the rules of the run, which know
 * it as clients that are away; where it cannot begin or go on without them, all are ended.
 * @returns how the server ended
 * @throws FedloomError `launch.ssh`, `launch.part-failed` for a part without which there is no run
 */
export async function supervise(options: Supervised): Promise<PartEnd> {
  const { signal } = options;
  const run = new SupervisedRun(options);
  const abort = () => run.stop();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await run.toItsEnd();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

class SupervisedRun {
  readonly #server: Part;
  readonly #clients = new Map<LaunchedPart, Part>();
  readonly #url: Promise<string>;
  #begun = false;
  #idle = false;
  #told = false;
  #lastLost: FedloomError | undefined;
  #fatal: FedloomError | undefined;
  #heardUrl: (url: string) => void = () => {};

  constructor(private readonly options: Supervised) {
    this.#url = new Promise((resolve) => {
      this.#heardUrl = resolve;
    });
    const { server } = options;
    this.#server = startPart({
      ...server,
      command: replacing(server),
      leaveSeconds: SERVER_LEAVE_SECONDS,
      onLine: (line, stream) => this.#serverLine(line, stream),
    });
  }

  async toItsEnd(): Promise<PartEnd> {
    const { signal, server } = this.options;
    const url = await Promise.race([this.#url, this.#server.ended.then(() => undefined)]);
    if (url !== undefined && !signal.aborted) this.#startClients(url);
    const end = await this.#server.ended;
    await this.#endClients();
    if (this.#fatal !== undefined) throw this.#fatal;
    // What went wrong within the run, the server itself has told.
    if (end.code !== 0 && !this.#told && !signal.aborted) throw partFailure(server, end);
    return end;
  }

  /** The server first: it tells the clients that the run is over. */
  stop(): void {
    this.#server.stop();
    const patienceMs = 1000 * (SERVER_LEAVE_SECONDS + LINE_SECONDS);
    void settlesWithin(this.#server.ended, patienceMs).then((ended) => ended || this.#server.kill());
  }

  #startClients(url: string): void {
    const { clients, onLine } = this.options;
    for (const part of clients(url)) {
      const client = startPart({
        ...part,
        command: replacing(part),
        leaveSeconds: CLIENT_LEAVE_SECONDS,
        onLine: (line, stream) => onLine(part, line, stream),
      });
      this.#clients.set(part, client);
      void client.ended.then((end) => this.#judge(part, end));
    }
  }

  async #endClients(): Promise<void> {
    const all = Promise.all([...this.#clients.values()].map(({ ended }) => ended));
    if (await settlesWithin(all, 1000 * CLIENT_LEAVE_SECONDS)) return;
    for (const client of this.#clients.values()) client.stop();
    if (await settlesWithin(all, 1000 * (CLIENT_LEAVE_SECONDS + LINE_SECONDS))) return;
    for (const client of this.#clients.values()) client.kill();
    await all;
  }

  async #judge(part: LaunchedPart, end: PartEnd): Promise<void> {
    const { signal, onLost, minimumClients } = this.options;
    this.#clients.delete(part);
    if (end.code === 0 || signal.aborted || (await settlesWithin(this.#server.ended, END_MS))) return;
    const failure = partFailure(part, end);
    const left = [...this.#clients.keys()].reduce((sum, { ranks }) => sum + ranks.length, 0);
    if (left === 0 || (!this.#begun && left < minimumClients)) return this.#fail(failure);
    onLost(failure);
    this.#lastLost = failure;
    this.#failIfIdle();
  }

  /** Without a deadline a round waits for clients that are away, and a part that ended does not come back. */
  #failIfIdle(): void {
    const lost = this.#lastLost;
    if (this.#idle && lost !== undefined)
      this.#fail(lost.reworded(`${lost.message}\nThose that are left are too few for a round.`));
  }

  #fail(failure: FedloomError): void {
    this.#fatal ??= failure;
    this.stop();
  }

  #serverLine(line: string, stream: 'stdout' | 'stderr'): void {
    const event = stream === 'stdout' ? parseEvent(line) : undefined;
    if (event === undefined) return this.options.onLine(this.options.server, line, stream);
    if (event.event === 'listening') this.#heardUrl(String(event.url));
    if (event.event === 'begun') this.#begun = true;
    if (event.event === 'error') this.#told = true;
    if (event.event === 'warning' && event.code === 'round.idle') {
      this.#idle = true;
      this.#failIfIdle();
    }
    this.options.onEvent(event);
  }
}

/** The shell gives way to the process, which is then the one that signals come to. */
function replacing({ command }: LaunchedPart): string {
  return `exec ${command}`;
}

function parseEvent(line: string): ServerEvent | undefined {
  if (!line.startsWith('{"event":')) return undefined;
  try {
    return JSON.parse(line) as ServerEvent;
  } catch {
    return undefined;
  }
}
