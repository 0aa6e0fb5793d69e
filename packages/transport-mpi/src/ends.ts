import type { Connection, Dial, Listen } from 'fedloom';
import type { Addon } from './addon/addon.js';
import { MpiConnection } from './connection.js';
import { type Control, decodeControl, encodeControl } from './control.js';
import { Exchange } from './exchange.js';
import type { TransportLibrary } from './library.js';

const CONTROL_TAG = 0;
/** `mpi:3` is rank 3. */
const ADDRESS = /^mpi:(?:\/\/)?(\d+)\/?$/;

interface Dialling {
  readonly rank: number;
  readonly accepted: (theirs: number) => void;
  readonly refused: () => void;
}

interface Wish {
  readonly rank: number;
  readonly theirs: number;
}

/**
 * The connections of one rank. A rank whose listener is still to come is waited for; one whose listener has closed refuses.
 */
export class Ends {
  readonly exchange: Exchange;
  readonly #library: TransportLibrary;
  readonly #connections = new Map<number, MpiConnection>();
  readonly #dialling = new Map<number, Dialling>();
  /** Numbers that were used and are free again. */
  readonly #free: number[] = [];
  #lastNumber = CONTROL_TAG;
  #onConnection: ((connection: Connection) => void) | undefined;
  #hasListened = false;
  /** Who dialled before anybody listened. */
  #wishes: Wish[] = [];

  constructor(addon: Addon, library: TransportLibrary) {
    this.#library = library;
    this.exchange = new Exchange(addon, library, (source, tag, bytes) => this.#take(source, tag, bytes));
  }

  urlOf(rank: number): string {
    return `mpi:${rank}`;
  }

  readonly listen: Listen = (onConnection) => {
    const { rank } = this.exchange.world;
    if (this.#onConnection !== undefined) {
      const { FedloomError } = this.#library;
      throw new FedloomError(
        'transport.listen',
        `Rank ${rank} listens already: a rank has one address, ${this.urlOf(rank)}.`,
        {
          path: this.urlOf(rank),
        },
      );
    }
    this.#onConnection = onConnection;
    this.#hasListened = true;
    setImmediate(() => {
      for (const wish of this.#wishes.splice(0)) this.#decide(wish);
    });
    return {
      url: this.urlOf(rank),
      close: async () => {
        if (this.#onConnection === onConnection) this.#onConnection = undefined;
      },
    };
  };

  readonly dial: Dial = (url, { signal } = {}) => {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(this.#connectError(url, 'cancelled', signal.reason));
      const { size } = this.exchange.world;
      const rank = Number(ADDRESS.exec(url)?.[1] ?? Number.NaN);
      if (!(rank < size)) return reject(this.#connectError(url, 'url'));
      const own = this.#takeNumber(url);
      const abort = () => {
        // When the answer comes there may be a connection, which nobody wants.
        const { rank } = dialling;
        this.#dialling.set(own, {
          rank,
          accepted: (theirs) => this.#connect(rank, own, theirs).close('nobody waits for this connection any more'),
          refused: () => this.#free.push(own),
        });
        reject(this.#connectError(url, 'cancelled', signal?.reason));
      };
      const dialling: Dialling = {
        rank,
        accepted: (theirs) => {
          signal?.removeEventListener('abort', abort);
          resolve(this.#connect(rank, own, theirs));
        },
        refused: () => {
          signal?.removeEventListener('abort', abort);
          this.#free.push(own);
          reject(this.#connectError(url, 'refused'));
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#dialling.set(own, dialling);
      this.#tell(rank, { kind: 'open', from: own });
    });
  };

  closeAll(reason: string): void {
    this.#onConnection = undefined;
    this.#hasListened = true;
    for (const wish of this.#wishes.splice(0)) this.#decide(wish);
    for (const connection of this.#connections.values()) connection.close(reason);
  }

  #take(source: number, tag: number, bytes: Uint8Array): void {
    if (tag !== CONTROL_TAG) return this.#connections.get(tag)?.take(bytes);
    const control = decodeControl(bytes);
    switch (control?.kind) {
      case 'open': {
        const wish = { rank: source, theirs: control.from };
        if (this.#hasListened) this.#decide(wish);
        else this.#wishes.push(wish);
        return;
      }
      case 'accept':
        return this.#answered(control.to)?.accepted(control.from);
      case 'refuse':
        return this.#answered(control.to)?.refused();
      case 'close':
        return this.#connections.get(control.to)?.closed(control.reason);
    }
  }

  #answered(number: number): Dialling | undefined {
    const dialling = this.#dialling.get(number);
    this.#dialling.delete(number);
    return dialling;
  }

  #decide({ rank, theirs }: Wish): void {
    if (this.#onConnection === undefined) return this.#tell(rank, { kind: 'refuse', to: theirs });
    const own = this.#takeNumber(this.urlOf(rank));
    this.#tell(rank, { kind: 'accept', to: theirs, from: own });
    this.#onConnection(this.#connect(rank, own, theirs));
  }

  #connect(rank: number, own: number, theirs: number): MpiConnection {
    const connection = new MpiConnection({
      exchange: this.exchange,
      rank,
      theirs,
      peer: `rank ${rank} (${this.exchange.world.hosts[rank]})`,
      sendClose: (reason) => this.#tell(rank, { kind: 'close', to: theirs, reason }),
      forget: () => {
        this.#connections.delete(own);
        this.#free.push(own);
      },
    });
    this.#connections.set(own, connection);
    return connection;
  }

  #tell(rank: number, control: Control): void {
    this.exchange.send(rank, CONTROL_TAG, encodeControl(control), false, () => {});
  }

  /** Numbers are tags: there are only so many. */
  #takeNumber(url: string): number {
    const again = this.#free.shift();
    if (again !== undefined) return again;
    if (this.#lastNumber >= this.exchange.world.tagMax) throw this.#connectError(url, 'network');
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  #connectError(url: string, reason: 'cancelled' | 'refused' | 'url' | 'network', cause?: unknown) {
    const { size, tagMax } = this.exchange.world;
    const why = {
      cancelled: `Connecting to ${url} was cancelled.`,
      refused: `Nobody listens at ${url} any more.`,
      url: `'${url}' is not the address of a rank: of these ${size} they are mpi:0 to mpi:${size - 1}.`,
      network: `No connection to ${url}: this MPI has tags for ${tagMax} connections, and all are in use.`,
    };
    const { FedloomError } = this.#library;
    return new FedloomError('transport.connect', why[reason], { url, reason }, { cause });
  }
}
