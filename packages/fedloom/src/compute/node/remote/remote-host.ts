import { FedloomError } from '@fedloom/engine/base';
import { decodeSafetensors } from '../../../core/safetensors.js';
import { VERSION } from '../../../core/version.js';
import type { Connection } from '../../../protocol/transport.js';
import type { PartialSum } from '../../../update/fold-contract.js';
import { toChild } from '../../workers/child-messages.js';
import { Copies } from '../../workers/copies.js';
import type { PoolWorker, WorkMessage, WorkReply } from '../../workers/pool-worker.js';
import { FrameLine } from './frame-line.js';
import type { FromHost, ToHolder, ToHost } from './host-messages.js';

/** Of models and data sets that a host keeps for its workers. */
const COPIES_BYTES_MAX = 1 << 30;

/** A host of workers at the other end of a connection, where `hostWorkers` serves. */
export class RemoteHost {
  /** How many workers it would have at work. */
  readonly offered: number;
  readonly #line: FrameLine;
  readonly #copies = new Copies(COPIES_BYTES_MAX);
  readonly #workers = new Map<number, RemoteWorker>();
  /** Who waits for partial sums. */
  readonly #summing: Asked<PartialSum | undefined>[] = [];
  #lastWorker = 0;
  #lastHold = 0;
  /** Why it is there no more. */
  #gone: Error | undefined;

  /** @throws FedloomError `compute.host` when the other end is no host of workers, or of another version */
  static open(connection: Connection): Promise<RemoteHost> {
    return new Promise((resolve, reject) => {
      let host: RemoteHost | undefined;
      const line = new FrameLine(connection, {
        message: (value) => {
          const told = value as FromHost;
          if (host !== undefined) return host.#take(told);
          const offer = checkedOffer(told, connection.peer);
          if (offer instanceof FedloomError) {
            reject(offer);
            return line.close(offer.message);
          }
          host = new RemoteHost(line, offer);
          resolve(host);
        },
        closed: (reason) => {
          reject(hostError(connection.peer, `closed the connection: ${reason}`));
          if (host !== undefined) host.#lose(reason);
        },
      });
    });
  }

  private constructor(line: FrameLine, offered: number) {
    this.#line = line;
    this.offered = offered;
  }

  get gone(): boolean {
    return this.#gone !== undefined;
  }

  /** For `remotePool`. @param hold for which holding, if any, updates stay at the host @internal */
  startWorker(hold: () => number | undefined): PoolWorker {
    this.#lastWorker += 1;
    const number = this.#lastWorker;
    const worker = new RemoteWorker({
      send: (message) => {
        const held = hold();
        const told = { kind: 'message', worker: number, message: toChild(message, this.#copies) } as const;
        this.#tell(held === undefined ? told : { ...told, hold: held });
      },
      cancel: (mark) => this.#tell({ kind: 'cancel', worker: number, mark }),
      end: () => this.#tell({ kind: 'end', worker: number }),
    });
    this.#workers.set(number, worker);
    if (this.#gone !== undefined) worker.lose(this.#gone);
    return worker;
  }

  /** A number for a pool's holding, which no other at this host has. For `HostHolders`. @internal */
  nextHold(): number {
    this.#lastHold += 1;
    return this.#lastHold;
  }

  /** For `HostHolders`. @internal */
  tellHolder(message: Exclude<ToHolder, { readonly kind: 'sum' }>): void {
    this.#tell(message);
  }

  /** For `HostHolders`. @returns undefined where nothing was added; rejects with how the host went @internal */
  sum(hold: number, round: number): Promise<PartialSum | undefined> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#summing.push({ resolve, reject });
      this.#tell({ kind: 'sum', hold, round });
    });
  }

  close(): void {
    this.#line.close('the pool is closed');
  }

  #tell(message: ToHost): void {
    if (this.#gone === undefined) this.#line.send(message);
  }

  #take(told: FromHost): void {
    if (told.kind === 'offer') return;
    if (told.kind === 'sum') return this.#takeSum(told);
    const worker = this.#workers.get(told.worker);
    switch (told.kind) {
      case 'reply':
        return worker?.reply(told.reply);
      case 'lost':
        return worker?.lose(new Error(`on ${this.#line.peer}, ${told.how}`));
      case 'ended':
        this.#workers.delete(told.worker);
        return worker?.ended();
    }
  }

  #takeSum(told: Extract<FromHost, { readonly kind: 'sum' }>): void {
    const asked = this.#summing.shift();
    try {
      asked?.resolve(partialOf(told));
    } catch (error) {
      asked?.reject(new Error(`${this.#line.peer} sent a sum that cannot be read: ${textOf(error)}`, { cause: error }));
    }
  }

  #lose(reason: string): void {
    this.#gone = new Error(`${this.#line.peer} is gone: ${reason}`);
    for (const worker of this.#workers.values()) worker.lose(this.#gone);
    this.#workers.clear();
    for (const { reject } of this.#summing.splice(0)) reject(this.#gone);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Asked<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function partialOf({ count, tensors }: Extract<FromHost, { readonly kind: 'sum' }>): PartialSum | undefined {
  return tensors && { count, tensors: decodeSafetensors(tensors) };
}

interface WorkerLine {
  send(message: WorkMessage): void;
  cancel(mark: number): void;
  end(): void;
}

class RemoteWorker implements PoolWorker {
  readonly lost: Promise<Error>;
  readonly #line: WorkerLine;
  readonly #asked: Asked<WorkReply>[] = [];
  readonly #hasEnded: Promise<void>;
  #tellLost: (error: Error) => void = () => {};
  #tellEnded: () => void = () => {};
  #lost: Error | undefined;

  constructor(line: WorkerLine) {
    this.#line = line;
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
    this.#hasEnded = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  send(message: WorkMessage): Promise<WorkReply> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#line.send(message);
    });
  }

  cancel(mark: number): void {
    this.#line.cancel(mark);
  }

  async end(): Promise<void> {
    if (this.#lost === undefined) this.#line.end();
    await this.#hasEnded;
  }

  reply(reply: WorkReply): void {
    this.#asked.shift()?.resolve(reply);
  }

  ended(): void {
    this.#tellEnded();
  }

  lose(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#lost);
    this.#tellLost(this.#lost);
    this.#tellEnded();
  }
}

function checkedOffer(told: FromHost, peer: string): number | FedloomError {
  if (told.kind !== 'offer' || !(told.workers >= 1)) return hostError(peer, 'is no host of workers');
  if (told.version === VERSION) return told.workers;
  return hostError(
    peer,
    `runs fedloom ${told.version}, and this process ${VERSION}: install the same version on all hosts`,
  );
}

function hostError(peer: string, what: string): FedloomError {
  return new FedloomError('compute.host', `The workers' host at ${peer} ${what}.`, { peer });
}
