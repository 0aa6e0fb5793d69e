import { FedloomError } from '@fedloom/engine';
import type {
  Connection,
  ConnectionHandlers,
  Dial,
  Listener,
} from '../../../packages/fedloom/dist/protocol/transport.js';
import type { Dice } from './dice.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { SimulatedTime } from './simulated-time.js';

/** What is wrong with one connection; frames are counted over both directions, from 0. */
export interface LineFaults {
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /** The line breaks in place of this frame. */
  readonly cutAt?: number;
  /** This frame comes twice. */
  readonly duplicateAt?: number;
  /** This frame's head is not what was sent. */
  readonly corruptAt?: number;
  /** This frame, and so all behind it, comes so much later. */
  readonly stallAt?: { readonly frame: number; readonly forMs: number };
}

export interface NetworkOptions {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  /** `send` says wait from so many undelivered bytes on. */
  readonly bufferedBytesMax: number;
  readonly faultsOf: (client: string) => LineFaults;
  /** A fault came about. */
  readonly onFault: (kind: string, where: string) => void;
  /** A process has taken a damaged frame for a whole one. */
  readonly onTaken: (process: string) => void;
  /** A handler has thrown, which none may. */
  readonly onBug: (error: unknown) => void;
}

/** How long an end takes to notice that the other is gone without a word: keep-alive of a machine that vanished. */
const UNNOTICED_MS = 25_000;
const NOTICED_MS = 50;

/** Connections between processes: whole frames, in order, or the connection closes. */
export class Network {
  readonly lines = new Set<Line>();
  /** Bytes that waited at most, over all ends. */
  queuedBytesMax = 0;
  readonly #listeners = new Map<string, { readonly process: SimulatedProcess; accept(connection: Connection): void }>();
  /** Clients whose machines nobody can reach. */
  readonly #apart = new Set<string>();

  constructor(readonly options: NetworkOptions) {}

  listen(url: string, process: SimulatedProcess, accept: (connection: Connection) => void): Listener {
    const listener = { process, accept };
    this.#listeners.set(url, listener);
    const close = () => {
      if (this.#listeners.get(url) === listener) this.#listeners.delete(url);
    };
    process.onKilled(close);
    return { url, close: async () => close() };
  }

  dialFrom(process: SimulatedProcess): Dial {
    return async (url, { signal } = {}) => {
      const faults = this.options.faultsOf(process.name);
      await process.sleep(faults.latencyMs);
      const listener = this.#listeners.get(url);
      if (listener === undefined || this.#apart.has(process.name)) {
        await process.sleep(this.#apart.has(process.name) ? 5_000 : faults.latencyMs);
        throw new FedloomError('transport.connect', `Nobody listens at ${url}.`, { url });
      }
      if (signal?.aborted) throw new FedloomError('transport.connect', `Connecting to ${url} was cancelled.`, { url });
      const line = new Line(this, process, listener.process, faults);
      listener.process.later(0, () => listener.accept(line.server));
      return line.client;
    };
  }

  /** Nothing goes to or from these clients' machines, until `join`. */
  part(clients: readonly string[]): void {
    for (const client of clients) {
      this.#apart.add(client);
      for (const line of this.lines) if (line.client.process.name === client) line.hold();
    }
  }

  join(clients: readonly string[]): void {
    for (const client of clients) {
      this.#apart.delete(client);
      for (const line of this.lines) if (line.client.process.name === client) line.release();
    }
  }
}

type Item = { readonly frame: Uint8Array; readonly isDamaged: boolean } | { readonly close: string };

interface Next {
  readonly frames: readonly Uint8Array[];
  readonly delayMs: number;
  readonly isDamaged: boolean;
}

/** One connection, with both of its ends. */
export class Line {
  readonly client: LineEnd;
  readonly server: LineEnd;
  isDown = false;
  #frames = 0;
  #held: (() => void)[] | undefined;

  constructor(
    readonly network: Network,
    client: SimulatedProcess,
    server: SimulatedProcess,
    readonly faults: LineFaults,
  ) {
    this.client = new LineEnd(this, client, 'client');
    this.server = new LineEnd(this, server, 'server');
    network.lines.add(this);
    for (const end of [this.client, this.server]) end.process.onKilled(() => this.#lose(end));
  }

  other(end: LineEnd): LineEnd {
    return end === this.client ? this.server : this.client;
  }

  /** How late the next frame is, and what comes in its place. */
  next(frame: Uint8Array): Next | 'cut' {
    const at = this.#frames;
    this.#frames += 1;
    const { latencyMs, jitterMs, bytesPerMs, cutAt, duplicateAt, corruptAt, stallAt } = this.faults;
    const { dice } = this.network.options;
    if (cutAt === at) {
      this.#told('cut');
      return 'cut';
    }
    let delayMs = latencyMs + dice.between(0, jitterMs) + frame.length / bytesPerMs;
    if (stallAt?.frame === at) {
      delayMs += stallAt.forMs;
      this.#told('stall');
    }
    if (corruptAt === at) {
      this.#told('corrupt');
      return { frames: [damaged(frame, dice)], delayMs, isDamaged: true };
    }
    if (duplicateAt !== at) return { frames: [frame], delayMs, isDamaged: false };
    this.#told('duplicate');
    return { frames: [frame, frame.slice()], delayMs, isDamaged: false };
  }

  /** Both ends notice, each in its time; what was on its way is lost. */
  cut(): void {
    this.isDown = true;
    const { dice } = this.network.options;
    for (const end of [this.client, this.server]) end.loseAfter(dice.logarithmic(1, UNNOTICED_MS));
  }

  /** Nothing passes, and nobody is told: an end that waits for too long gives up. */
  hold(): void {
    this.#held ??= [];
    const held = this.#held;
    const { dice, time } = this.network.options;
    time.in(dice.between(UNNOTICED_MS / 2, 2 * UNNOTICED_MS), () => {
      if (this.#held === held) this.cut();
    });
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const goOn of held ?? []) goOn();
  }

  /** Does it, at once or when the line is whole again. */
  pass(work: () => void): void {
    if (this.#held === undefined) work();
    else this.#held.push(work);
  }

  /** A process is gone: its machine says so, or nobody does. */
  #lose(end: LineEnd): void {
    if (this.isDown) return;
    const { dice } = this.network.options;
    if (dice.chance(0.7)) return this.other(end).loseAfter(dice.between(this.faults.latencyMs, NOTICED_MS));
    this.isDown = true;
    this.other(end).loseAfter(UNNOTICED_MS);
  }

  #told(kind: string): void {
    this.network.options.onFault(kind, this.client.process.name);
  }
}

export class LineEnd implements Connection {
  readonly peer: string;
  patient = false;
  /** Bytes of what was sent and has not come at the other end. */
  bufferedBytes = 0;
  #handlers: ConnectionHandlers | undefined;
  /** On their way to this end, in order. */
  readonly #coming: Item[] = [];
  #lastAtMs = 0;
  /** Have come before anybody was there to take them. */
  #early = 0;
  #owesDrained = false;
  #closing = false;
  #isOver = false;

  constructor(
    private readonly line: Line,
    readonly process: SimulatedProcess,
    readonly side: 'client' | 'server',
  ) {
    this.peer = `${process.name}/${side}`;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    for (; this.#early > 0; this.#early -= 1) this.process.later(0, () => this.#take());
  }

  send(frame: Uint8Array): boolean {
    const { line, process } = this;
    const { network } = line;
    if (this.#closing || line.isDown || !process.isAlive) return true;
    const next = line.next(frame);
    if (next === 'cut') {
      line.cut();
      return true;
    }
    const other = line.other(this);
    for (const one of next.frames) {
      this.bufferedBytes += one.length;
      other.#expect({ frame: one, isDamaged: next.isDamaged }, next.delayMs);
    }
    network.queuedBytesMax = Math.max(network.queuedBytesMax, this.bufferedBytes);
    if (this.bufferedBytes < network.options.bufferedBytesMax) return true;
    this.#owesDrained = true;
    return false;
  }

  close(reason = 'closed'): void {
    if (this.#closing) return;
    this.#closing = true;
    const { line, process } = this;
    if (!line.isDown && process.isAlive) line.other(this).#expect({ close: reason }, line.faults.latencyMs);
    process.later(0, () => this.#end(reason));
  }

  /** This end notices that the line is broken. */
  loseAfter(delayMs: number): void {
    this.process.later(delayMs, () => this.#end('transport.lost: the line broke'));
  }

  #expect(item: Item, delayMs: number): void {
    this.#coming.push(item);
    const { process, line } = this;
    const { nowMs } = process.time;
    this.#lastAtMs = Math.max(this.#lastAtMs, nowMs + delayMs);
    process.later(this.#lastAtMs - nowMs, () => line.pass(() => this.#take()));
  }

  #take(): void {
    if (this.#handlers === undefined) {
      this.#early += 1;
      return;
    }
    const item = this.#coming.shift();
    const { line } = this;
    if (item === undefined || line.isDown || this.#isOver || !this.process.isAlive) return;
    if ('close' in item) return this.#end(item.close);
    line.other(this).#came(item.frame.length);
    if (this.#closing) return;
    this.#call((handlers) => handlers.frame(item.frame));
    if (item.isDamaged && !this.#closing) line.network.options.onTaken(this.process.name);
  }

  #came(bytes: number): void {
    this.bufferedBytes -= bytes;
    if (!this.#owesDrained || this.bufferedBytes >= this.line.network.options.bufferedBytesMax / 2) return;
    this.#owesDrained = false;
    this.process.later(0, () => !this.#closing && !this.#isOver && this.#call((handlers) => handlers.drained()));
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#closing = true;
    this.#isOver = true;
    const { line } = this;
    if (line.other(this).#isOver || !line.other(this).process.isAlive) line.network.lines.delete(line);
    this.#call((handlers) => handlers.closed(reason));
  }

  #call(use: (handlers: ConnectionHandlers) => void): void {
    try {
      if (this.#handlers !== undefined) use(this.#handlers);
    } catch (error) {
      this.line.network.options.onBug(error);
    }
  }
}

/** What no end may take for a frame: of another kind, or one whose head contradicts itself. */
function damaged(frame: Uint8Array, dice: Dice): Uint8Array {
  const copy = frame.slice();
  const how = dice.whole(0, 3);
  if (how === 0) copy[0] = dice.whole(4, 255);
  else if (how === 1) copy[1] = (copy[1] ?? 0) ^ dice.whole(1, 255);
  else if (how === 2) return new Uint8Array(0);
  else return frame.slice(0, dice.whole(1, Math.min(8, frame.length - 1)));
  return copy;
}
