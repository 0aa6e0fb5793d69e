/** What of a message to another process it keeps for later messages. */
export interface KeptChanges {
  readonly added: readonly (readonly [id: number, value: unknown])[];
  readonly forgotten: readonly number[];
}

interface Copy {
  readonly id: number;
  readonly bytes: number;
  message: number;
}

/**
 * Knows which models and tensors a worker process holds copies of, so that each is sent once: a round's model, a data set.
 * The copies that were used least lately are forgotten when all together grow too large.
 */
export class Copies {
  readonly #copies = new Map<unknown, Copy>();
  readonly #bytesMax: number;
  #bytes = 0;
  #lastId = 0;
  #message = 0;
  #added: [number, unknown][] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * What the next message calls the copy of `value`.
   * @param key equal for equal values
   */
  idOf(key: unknown, value: unknown, bytes: number): number {
    let copy = this.#copies.get(key);
    if (copy === undefined) {
      this.#lastId += 1;
      copy = { id: this.#lastId, bytes, message: this.#message };
      this.#bytes += bytes;
      this.#added.push([copy.id, value]);
    } else this.#copies.delete(key);
    copy.message = this.#message;
    // A map keeps the order in which its keys came: the one used last stands last.
    this.#copies.set(key, copy);
    return copy.id;
  }

  /** What the other process must do before it reads the message whose ids were just given. */
  takeChanges(): KeptChanges {
    const forgotten: number[] = [];
    for (const [key, { id, bytes, message }] of this.#copies) {
      if (this.#bytes <= this.#bytesMax || message === this.#message) break;
      this.#copies.delete(key);
      this.#bytes -= bytes;
      forgotten.push(id);
    }
    const added = this.#added;
    this.#added = [];
    this.#message += 1;
    return { added, forgotten };
  }
}
