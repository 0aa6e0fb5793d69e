/** The order in which a simulated buffered run takes its clients' results, whoever computes them and however fast. */

import { FedloomError } from '@fedloom/engine';
import type { ClientIndex } from '../../core/brands.js';
import { RandomStream } from '../../core/random.js';

/** How far a duration may be from its mean, as a part of it. */
const JITTER = 0.2;

/**
 * How long a client takes for a task, in units of virtual time: `work / speed`, times a factor that is uniform in [0.8, 1.2) and
 * a function of seed, client and task alone.
 * @param speed units of work in a unit of time; above 0
 * @param work for instance the steps of the client's training; above 0
 * @throws FedloomError `virtual-clock.duration` when there is no such time
 */
export function virtualDuration(seed: number, client: number, task: number, speed: number, work = 1): number {
  const uniform = RandomStream.of(seed, 'duration', client, task).next();
  const duration = (work / speed) * (1 - JITTER + 2 * JITTER * uniform);
  if (duration > 0 && duration < Number.POSITIVE_INFINITY) return duration;
  throw new FedloomError(
    'virtual-clock.duration',
    `Client ${client} has speed ${speed} and work ${work}, which gives no finite time above 0; mend the task's speed(client).`,
    { client, speed, work },
  );
}

/** A training under way: when its result is delivered. */
export interface VirtualAsk {
  readonly client: ClientIndex;
  readonly task: number;
  readonly dueAt: number;
}

export interface Delivery<Result> extends VirtualAsk {
  readonly result: Result;
}

/** Plain data: where the clock stands, to be written down with a round and taken up again. */
export interface VirtualTime {
  readonly now: number;
  readonly asks: readonly VirtualAsk[];
}

interface Awaited<Result> extends VirtualAsk {
  result: { readonly value: Result } | null;
  cancelled: boolean;
}

/**
 * Holds results until it is their turn: by the time at which they are due, and at equal times by client. Since what a client
 * takes is known when it is asked, the earliest of those under way comes next, whatever has arrived already. That is certain
 * as long as everyone is asked who is to be asked at this time: call `next` only when the coordinator is quiet (`isQuiet`).
 */
export class VirtualClock<Result> {
  #now: number;
  readonly #byClient = new Map<number, Awaited<Result>>();
  /** A binary heap; cancelled ones lie in it until they come up. */
  readonly #heap: Awaited<Result>[] = [];

  constructor(time: VirtualTime = { now: 0, asks: [] }) {
    this.#now = time.now;
    for (const ask of time.asks) this.#add(ask);
  }

  /** When the last result was delivered. */
  get now(): number {
    return this.#now;
  }

  get time(): VirtualTime {
    const asks = [...this.#byClient.values()].map(({ client, task, dueAt }) => ({ client, task, dueAt }));
    return { now: this.#now, asks: asks.sort((a, b) => a.client - b.client) };
  }

  /** A client begins now. One that is asked for the same task again keeps its time; an older task of it is forgotten. */
  ask(client: ClientIndex, task: number, duration: number): void {
    const known = this.#byClient.get(client);
    if (known?.task === task) return;
    if (known !== undefined) this.cancel(client, known.task);
    this.#add({ client, task, dueAt: this.#now + duration });
  }

  /** @returns false: nobody waits for this result, or has it already */
  arrive(client: ClientIndex, task: number, result: Result): boolean {
    const awaited = this.#byClient.get(client);
    if (awaited?.task !== task || awaited.result !== null) return false;
    awaited.result = { value: result };
    return true;
  }

  /** The client is not waited for any more. */
  cancel(client: ClientIndex, task: number): void {
    const awaited = this.#byClient.get(client);
    if (awaited?.task !== task) return;
    awaited.cancelled = true;
    this.#byClient.delete(client);
  }

  /** The next result, if it has arrived; time goes on to when it was due. */
  next(): Delivery<Result> | undefined {
    let first = this.#heap[0];
    while (first?.cancelled) {
      this.#removeFirst();
      first = this.#heap[0];
    }
    if (first === undefined || first.result === null) return undefined;
    this.#removeFirst();
    const { client, task, dueAt, result } = first;
    this.#byClient.delete(client);
    this.#now = dueAt;
    return { client, task, dueAt, result: result.value };
  }

  #add(ask: VirtualAsk): void {
    const awaited: Awaited<Result> = { ...ask, result: null, cancelled: false };
    this.#byClient.set(ask.client, awaited);
    let at = this.#heap.push(awaited) - 1;
    for (;;) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above];
      if (at === 0 || parent === undefined || !isBefore(awaited, parent)) break;
      this.#heap[at] = parent;
      at = above;
    }
    this.#heap[at] = awaited;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = this.#heap[2 * at + 1];
      const right = this.#heap[2 * at + 2];
      if (left === undefined) break;
      const onRight = right !== undefined && isBefore(right, left);
      const child = onRight ? right : left;
      if (!isBefore(child, last)) break;
      this.#heap[at] = child;
      at = 2 * at + (onRight ? 2 : 1);
    }
    this.#heap[at] = last;
  }
}

function isBefore(a: VirtualAsk, b: VirtualAsk): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.client < b.client);
}
