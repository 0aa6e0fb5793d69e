import type { ClientIndex } from '../core/brands.js';
import type { Train, UpdateMessage } from '../protocol/messages.js';

interface Finished {
  readonly message: UpdateMessage;
  /** The update's bytes, which nobody may change. */
  readonly body: Uint8Array;
}

/**
 * Updates that were sent and not settled yet, so that they can be sent again when the line has broken meanwhile. Of more
 * bytes than `bytesMax` the oldest are let go: their clients train again when they are asked again.
 */
export class FinishedUpdates {
  // Map order is the order in which they were finished.
  readonly #updates = new Map<ClientIndex, Finished>();
  #bytes = 0;

  constructor(private readonly bytesMax: number) {}

  /** @returns whether it is kept: then its bytes must stay as they are */
  keep(message: UpdateMessage, body: Uint8Array): boolean {
    this.#drop(message.client);
    if (body.byteLength > this.bytesMax) return false;
    this.#updates.set(message.client, { message, body });
    this.#bytes += body.byteLength;
    for (const client of this.#updates.keys()) {
      if (this.#bytes <= this.bytesMax) break;
      this.#drop(client);
    }
    return true;
  }

  /** What the client has finished of this very task, from this very model. */
  of(client: ClientIndex, { task, base }: Train): Finished | undefined {
    const finished = this.#updates.get(client);
    return finished?.message.task === task && finished.message.base.hash === base.hash ? finished : undefined;
  }

  forget(clients: readonly ClientIndex[], task: number): void {
    if (this.#updates.size === 0) return;
    for (const client of clients) if (this.#updates.get(client)?.message.task === task) this.#drop(client);
  }

  #drop(client: ClientIndex): void {
    const finished = this.#updates.get(client);
    if (finished === undefined) return;
    this.#updates.delete(client);
    this.#bytes -= finished.body.byteLength;
  }
}
