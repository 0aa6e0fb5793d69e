import type { Clock } from '../core/clock.js';

/** What was refused is made up for by a rest so many times as long as it took. */
const REST_FACTOR = 10;
/** Rests up to this are let off: honest clients are late now and then. */
const BORNE_MS = 100;
/** Others may come from the same address, and who changes its mind is welcome. */
const REST_MS_MAX = 2_000;
/** Addresses of which an account is kept; beyond, the one that was charged longest ago is forgotten. */
const ADDRESSES_MAX = 4_096;
/** What it takes to open a connection and to end it. */
export const CONNECTION_MS = 1;
/** What a transport does for a frame before it can be looked at, as its share of time shows under attack: nobody times it. */
const FRAME_MS = 0.05;
const FRAME_BYTES_PER_MS = 1 << 19;

export function frameMs(bytes: number): number {
  return FRAME_MS + bytes / FRAME_BYTES_PER_MS;
}

/**
 * Who sends what is refused, or must be cut, costs the server time that others wait for. So its address makes up for it: for ten times
 * as long nothing more is read of what comes from there, until it is quiet. All connections of an address count together, so that
 * dialling again helps nobody; whoever does nothing wrong on a connection that is open goes on as ever.
 */
export class Amends {
  /** When an address has made up for all, in the clock's time; whoever was charged last stands last. */
  readonly #freeAtMs = new Map<string, number>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  now(): number {
    return this.clock.now();
  }

  /**
   * @param peer as a connection has it
   * @param spentMs what it cost
   * @returns for how long nothing more is to be read from it
   */
  charge(peer: string, spentMs: number): number {
    const address = addressOf(peer);
    const now = this.clock.now();
    const freeAtMs = Math.max(this.#freeAtMs.get(address) ?? 0, now) + REST_FACTOR * spentMs;
    this.#freeAtMs.delete(address);
    this.#freeAtMs.set(address, Math.min(freeAtMs, now + BORNE_MS + REST_MS_MAX));
    const [oldest] = this.#freeAtMs.keys();
    if (this.#freeAtMs.size > ADDRESSES_MAX && oldest !== undefined) this.#freeAtMs.delete(oldest);
    return this.restMs(peer);
  }

  /** For how long nothing is to be read yet from whoever comes from there. */
  restMs(peer: string): number {
    const freeAtMs = this.#freeAtMs.get(addressOf(peer));
    return freeAtMs === undefined ? 0 : Math.max(0, freeAtMs - this.clock.now() - BORNE_MS);
  }
}

function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '');
}
