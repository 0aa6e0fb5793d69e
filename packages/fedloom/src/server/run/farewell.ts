import { type ClientIndex, knownClient } from '../../core/brands.js';
import type { Clock } from '../../core/clock.js';
import { expandRanges } from '../../core/index-ranges.js';
import type { Finish, IndexRange } from '../../protocol/messages.js';
import type { SessionDoor } from '../lobby/session-door.js';
import { describeClients } from '../schedule/ranges.js';

/** How a connection ends whose client may dial again: nobody agreed to its end, and nobody was refused. */
const BROKEN = /^(transport\.|protocol\.stalled)/;

export interface FarewellOptions {
  /** Clients in the federation. */
  readonly clients: number;
  readonly clock: Clock;
  /** How long a client whose line broke is awaited at the end, counted from then, or from the end. 0: not at all. */
  readonly waitMs: number;
  /** They took part over an earlier process of this server: the lines of all of them broke when it ended. */
  readonly cameBefore: boolean;
  readonly door: SessionDoor;
  /** How many clients are there now. */
  readonly present: () => number;
  /** Whether the session holds some of them. */
  readonly takesPart: (session: string) => boolean;
  /** Told what the run still waits for, if it does. */
  readonly onWaiting: (message: string) => void;
}

/**
 * The end of a run, for those who have not heard of it: clients whose line broke shortly before, perhaps with their last
 * settlement on its way, come back by themselves. Who closes its connection in order has heard everything, or wants nothing more.
 */
export class Farewell {
  readonly #options: FarewellOptions;
  /** When each client's line broke; never: it is there, left in order, or never came. */
  readonly #brokeAtMs: Float64Array;
  /** Clients that are away and have not heard, once the run is over. */
  readonly #awaited = new Set<ClientIndex>();
  #cut = false;
  #done: (() => void) | undefined;

  constructor(options: FarewellOptions) {
    this.#options = options;
    const { clients, waitMs, cameBefore, clock } = options;
    this.#brokeAtMs = new Float64Array(waitMs > 0 ? clients : 0).fill(cameBefore ? clock.now() : NEVER);
  }

  joined(ranges: readonly IndexRange[]): void {
    if (this.#brokeAtMs.length === 0) return;
    for (const client of expandRanges(ranges)) {
      this.#brokeAtMs[client] = NEVER;
      this.#awaited.delete(client);
    }
  }

  /** @param clients that the connection held when it ended, with this reason */
  closed(clients: Iterable<ClientIndex>, reason: string): void {
    if (this.#brokeAtMs.length === 0 || !BROKEN.test(reason)) return;
    for (const client of clients) {
      this.#brokeAtMs[client] = this.#options.clock.now();
      if (this.#done !== undefined) this.#awaited.add(client);
    }
  }

  /**
   * The run is over. If it is complete, those that take part hear of it at once, those whose line broke when they have come back
   * and heard everything else, whoever is left at the end; else all of them at once. Settles when all have left, or the time is up.
   */
  async say(finish: Finish): Promise<void> {
    const { door, takesPart } = this.#options;
    try {
      if (finish.reason !== 'completed') return;
      door.end(finish);
      for (const session of door.sessions) if (takesPart(session.id)) door.tell(session);
      await this.#everybodyKnows();
    } finally {
      await door.close(finish);
    }
  }

  /** A session has come after the end, and has heard everything else. */
  dismiss(id: string): void {
    const session = this.#options.door.get(id);
    if (session !== undefined) this.#options.door.tell(session);
  }

  async #everybodyKnows(): Promise<void> {
    const { clock, waitMs, onWaiting } = this.#options;
    if (waitMs === 0 || this.#cut) return;
    const sinceMs = clock.now() - waitMs;
    for (const [client, brokeAtMs] of this.#brokeAtMs.entries()) {
      if (brokeAtMs > sinceMs) this.#awaited.add(knownClient(client));
    }
    if (this.#awaited.size > 0) {
      const them = describeClients([...this.#awaited]);
      onWaiting(
        `All rounds are done. Waiting ${waitMs / 1000} s at most for those whose line broke, to tell them: ${them}.`,
      );
    }
    await new Promise<void>((resolve) => {
      const cancel = clock.setTimer(waitMs, resolve);
      this.#done = () => {
        cancel();
        resolve();
      };
      this.goOn();
    });
  }

  /** To be called after each change in who is there. */
  goOn(): void {
    if (this.#done !== undefined && this.#awaited.size === 0 && this.#options.present() === 0) this.#done();
  }

  /** Nobody is to be waited for, now or later. */
  cut(): void {
    this.#cut = true;
    this.#done?.();
  }
}

const NEVER = Number.NEGATIVE_INFINITY;
