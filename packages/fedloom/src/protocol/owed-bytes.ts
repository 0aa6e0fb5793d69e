import type { Timers } from './stall-watch.js';

/** How often to look, in tight times. */
const LOOK_EVERY_MS = 50;
/** In tight times, whoever takes nothing for so long is cut: others wait for the room. */
const STUCK_LOOKS_MAX = 200;
/** The same, once there is more than may be. */
const STUCK_LOOKS_OVER_MAX = 40;
/** What every connection may be owed, however many there are. */
const SHARE_BYTES_MIN = 64 << 10;

/** One connection, as far as it counts here. */
export interface Debtor {
  /** Bytes that wait for the other end: here, and with the transport. */
  readonly owedBytes: number;
  /** Those of them that are with the transport. */
  readonly heldBytes: number;
  /** Bytes that have left so far: more of them is progress. */
  readonly leftBytes: number;
  /** A piece of a large body may be sent. */
  resume(): void;
  /** It takes nothing, and others need the room. */
  cut(): void;
}

interface Seen {
  leftBytes: number;
  stuckLooks: number;
}

/**
 * What is owed to all connections of a process together, so that many who take nothing hold no more memory than one. Up to half
 * of it nobody notices. Beyond, times are tight: who says more has its share and no more; large bodies go only to those for
 * whom nothing is on its way; and who takes nothing of more than 64 KiB for 10 s, or 2 s where there is more than may be, is cut.
 */
export class OwedBytes {
  readonly #debtors = new Map<Debtor, Seen>();
  /** With large bodies to send, in the order of their turns. */
  readonly #waiting = new Set<Debtor>();
  /** At least what is owed: what has left is found out by counting. */
  #bytes = 0;
  #tight = false;
  #passes: Debtor | undefined;

  constructor(
    readonly bytesMax: number,
    private readonly timers: Timers,
  ) {}

  /** @returns the connection is gone */
  enter(debtor: Debtor): () => void {
    this.#debtors.set(debtor, { leftBytes: 0, stuckLooks: 0 });
    return () => {
      this.#debtors.delete(debtor);
      this.#waiting.delete(debtor);
    };
  }

  /** More is owed to somebody. */
  grew(bytes: number): void {
    this.#bytes += bytes;
    if (this.#tight || this.#bytes <= this.bytesMax / 2) return;
    this.#count();
    if (this.#bytes <= this.bytesMax / 2) return;
    this.#tight = true;
    for (const [debtor, seen] of this.#debtors) {
      seen.leftBytes = debtor.leftBytes;
      seen.stuckLooks = 0;
    }
    this.#lookLater();
  }

  /** What a connection may be owed that goes on talking. */
  get shareBytes(): number {
    return this.#tight ? Math.max(SHARE_BYTES_MIN, this.bytesMax / this.#debtors.size) : Number.POSITIVE_INFINITY;
  }

  /** Whether a piece of a large body may be sent now. If not, the debtor is resumed when it may. */
  hasRoom(debtor: Debtor): boolean {
    if (!this.#tight) return true;
    if (this.#passes === debtor) {
      this.#passes = undefined;
      return true;
    }
    this.#waiting.add(debtor);
    return false;
  }

  #count(): void {
    this.#bytes = 0;
    for (const debtor of this.#debtors.keys()) this.#bytes += debtor.owedBytes;
  }

  #lookLater(): void {
    this.timers.setTimer(LOOK_EVERY_MS, () => this.#look());
  }

  #look(): void {
    this.#count();
    if (this.#bytes <= this.bytesMax / 2) return this.#relax();
    const looksMax = this.#bytes > this.bytesMax ? STUCK_LOOKS_OVER_MAX : STUCK_LOOKS_MAX;
    for (const [debtor, seen] of [...this.#debtors]) {
      const { leftBytes, owedBytes, heldBytes } = debtor;
      // Some wait for their turn, and not the other way round; little is borne, since whoever trains may not read meanwhile.
      const isStuck = owedBytes > SHARE_BYTES_MIN && (heldBytes > 0 || !this.#waiting.has(debtor));
      seen.stuckLooks = isStuck && leftBytes === seen.leftBytes ? seen.stuckLooks + 1 : 0;
      seen.leftBytes = leftBytes;
      if (seen.stuckLooks >= looksMax) debtor.cut();
    }
    for (const debtor of [...this.#waiting]) {
      if (this.#bytes >= this.bytesMax) break;
      if (debtor.heldBytes > 0) continue;
      this.#waiting.delete(debtor);
      this.#passes = debtor;
      debtor.resume();
      this.#passes = undefined;
    }
    this.#lookLater();
  }

  #relax(): void {
    this.#tight = false;
    for (const debtor of [...this.#waiting]) {
      // Those before it may have made it tight again.
      if (this.#tight) return;
      this.#waiting.delete(debtor);
      debtor.resume();
    }
  }
}
