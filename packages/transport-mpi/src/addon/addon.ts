/** What `native/mpi.cc` offers, for one JavaScript thread of a process. */
export interface Addon {
  /** The text by which this MPI names itself; before `open` too. */
  library(): string;
  /**
   * Starts MPI, together with every other rank.
   * @param wake called once after `watch`, when `poll` would bring something
   * @param events `EVENTS_MAX` events of `NUMBERS_PER_EVENT` numbers each, which `poll` writes
   * @param arena memory of small messages, which `poll` writes
   * @throws Error when MPI was started before, or has no threads
   */
  open(wake: () => void, events: Float64Array, arena: Uint8Array): AddonWorld;
  /**
   * Sends a message; its bytes must not change until it has left.
   * @param synchronous it has left only when the other end begins to receive it
   * @returns 0 if it has left already, else a number that `EVENT.sent` brings
   */
  send(rank: number, tag: number, bytes: Uint8Array, synchronous: boolean): number;
  /** Gives a large message memory, of exactly its length; `EVENT.received` tells when it is there. */
  receive(place: number, bytes: Uint8Array): void;
  /** @returns how many events there are, after so many microseconds at most if there are none */
  poll(spinMicroseconds: number): number;
  watch(): void;
  unwatch(): void;
  /** `EVENT.allHere` comes when every rank has called it. */
  meet(): void;
  /** Ends MPI; every rank must, after all have met. */
  finalize(): void;
  /** Ends all processes of the job at once. */
  abort(code: number): void;
}

export interface AddonWorld {
  readonly rank: number;
  readonly size: number;
  /** Ranks on this machine, this one included. */
  readonly localSize: number;
  /** Tags go from 0 to this. */
  readonly tagMax: number;
  readonly library: string;
  /** The host of each rank. */
  readonly hosts: readonly string[];
}

/** The first of an event's numbers, and what the others are. */
export const EVENT = {
  /** source, tag, length, offset in the arena */
  small: 1,
  /** source, tag, length, place for `receive` */
  large: 2,
  /** place */
  received: 3,
  /** what `send` returned */
  sent: 4,
  allHere: 5,
} as const;

export const NUMBERS_PER_EVENT = 5;
export const EVENTS_MAX = 256;
/** 64 messages of 1 KiB. */
export const ARENA_BYTES = 64 << 10;
