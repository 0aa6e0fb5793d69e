import type { ClientIndex } from '../core/brands.js';
import { freeBytes } from '../core/byte-memory.js';
import type { Train, UpdateMessage } from '../protocol/messages.js';

/** An update that is kept; whoever has it sent again and again calls `sent` as often as `sending` was said. */
export interface Finished {
  readonly message: UpdateMessage;
  /** The update's bytes, which nobody may change. */
  readonly body: Uint8Array;
  /** How often it is on its way. */
  sending: number;
  /** Nobody needs it any more. */
  dropped: boolean;
}

/**
 * Updates that were sent and not settled yet, so that they can be sent again when the line has broken meanwhile. Of more
 * bytes than `bytesMax` the oldest are let go: their clients train again when they are asked again. The memory of those that are
 * not needed is given back at once: collecting it costs more than all else that a client does without training.
 */
export class FinishedUpdates {
  // Map order is the order in which they were finished.
  readonly #updates = new Map<ClientIndex, Finished>();
  #bytes = 0;

  constructor(private readonly bytesMax: number) {}

  /** @returns what is kept and about to be sent: its bytes must stay as they are; undefined: it is not kept */
  keep(message: UpdateMessage, body: Uint8Array): Finished | undefined {
    this.#drop(message.client);
    if (body.byteLength > this.bytesMax) return undefined;
    const finished: Finished = { message, body, sending: 1, dropped: false };
    this.#updates.set(message.client, finished);
    this.#bytes += body.byteLength;
    for (const client of this.#updates.keys()) {
      if (this.#bytes <= this.bytesMax) break;
      this.#drop(client);
    }
    return finished;
  }

  /** It is with the transport, or was lost with the line. */
  sent(finished: Finished): void {
    finished.sending -= 1;
    freeDropped(finished);
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
    finished.dropped = true;
    freeDropped(finished);
  }
}

function freeDropped({ dropped, sending, body }: Finished): void {
  if (dropped && sending === 0) freeBytes(body);
}
