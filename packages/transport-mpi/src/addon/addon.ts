/** What `native/addon.cc` offers, for one JavaScript thread of a process. */
export interface Addon {
  /** The text by which this MPI names itself; before `open` too. */
  library(): string;
  /**
   * Starts MPI, together with every other rank.
   * @param wake called once after `watch`, when `poll` would bring something
   * @param events `EVENTS_MAX` events of `NUMBERS_PER_EVENT` numbers each, which `poll` writes
   * @param slots `SLOTS_BYTES` for small messages, which come at any time
   * @param queue small messages that are to be sent: their count, then `NUMBERS_PER_QUEUED` numbers for each, `QUEUED_MAX` at most.
   *   These are rank, tag, length, and a number of the caller's, below 0, or 0. With a number it leaves only when the other end
   *   has a slot for it, and `EVENT.sent` brings the number then.
   * @param outgoing their bytes: `SMALL_BYTES_MAX` for each
   * @throws Error when MPI was started before, or has no threads
   */
  open(
    wake: () => void,
    events: Float64Array,
    slots: Uint8Array,
    queue: Float64Array,
    outgoing: Uint8Array,
  ): AddonWorld;
  /** Sends what is queued, and empties the queue; `sendLarge`, `poll` and `meet` do it too. */
  flush(): void;
  /** Sends bytes, which must not change until `EVENT.sent` brings the number that this returns, above 0. */
  sendLarge(rank: number, tag: number, bytes: Uint8Array): number;
  /** Gives the next large message of a rank with this tag memory, of exactly its length; `EVENT.received` brings the number. */
  receive(rank: number, tag: number, bytes: Uint8Array): number;
  /** @returns how many events there are, after some microseconds if there are none */
  poll(): number;
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
  /** source, tag, offset in the slots, length; to be read before the next poll */
  small: 1,
  /** source, tag, 0, length; `receive` must be called at once */
  large: 2,
  /** what `receive` returned */
  received: 3,
  /** what `sendLarge` returned, or a number of the queue */
  sent: 4,
  allHere: 5,
} as const;

export const NUMBERS_PER_EVENT = 5;
export const EVENTS_MAX = 4096;
export const NUMBERS_PER_QUEUED = 4;
export const QUEUED_MAX = 64;
export const SMALL_BYTES_MAX = 1024;
export const SLOTS_BYTES = 64 * SMALL_BYTES_MAX;
