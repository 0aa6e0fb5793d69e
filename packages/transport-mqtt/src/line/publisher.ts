import type { BrokerLink, Publication } from '../broker/link.js';
import { PacketMemory } from './packet-memory.js';

/** A publication, and who is to know that the broker has it, or never will. */
export interface Outgoing extends Publication {
  readonly done?: () => void;
}

/** Makes a publication when its turn has come; undefined: nothing is ready. */
export interface PacketSource {
  next(): Outgoing | undefined;
}

/**
 * What leaves by one link: never more in flight than the broker takes, and everybody in turn, a packet each. Packets without
 * which others could not go on pass the queue.
 */
export class Publisher {
  readonly memory: PacketMemory;
  readonly #link: BrokerLink;
  readonly #urgent: Outgoing[] = [];
  readonly #ready = new Set<PacketSource>();
  #inFlight = 0;
  #scheduled = false;

  constructor(link: BrokerLink) {
    this.#link = link;
    this.memory = new PacketMemory(link.packetBytesMax);
  }

  urgent(outgoing: Outgoing): void {
    this.#urgent.push(outgoing);
    this.#schedule();
  }

  /** The source has something to send: it is asked, in its turns, until it has nothing left. */
  ready(source: PacketSource): void {
    this.#ready.add(source);
    this.#schedule();
  }

  /** After the current work, so that what is handed over together leaves together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < this.#link.inFlightMax) {
      const outgoing = this.#urgent.shift() ?? this.#next();
      if (outgoing === undefined) return;
      this.#inFlight += 1;
      this.#link.publish(outgoing, () => {
        this.#inFlight -= 1;
        outgoing.done?.();
        this.#schedule();
      });
    }
  }

  #next(): Outgoing | undefined {
    for (const source of this.#ready) {
      this.#ready.delete(source);
      const outgoing = source.next();
      if (outgoing === undefined) continue;
      this.#ready.add(source);
      return outgoing;
    }
    return undefined;
  }
}
