import type { Channel } from '../../protocol/channel.js';
import type { ClientMessage } from '../../protocol/messages.js';
import { WorkUnderWay } from './work-under-way.js';

/** What a client may say once the handshake is over. */
export type SessionMessage = Exclude<ClientMessage, { readonly type: 'hello' | 'auth' }>;

/** One client process's connection, after the handshake. It knows which models the other side already has. */
export class Session {
  readonly #modelsSent = new Set<string>();
  readonly #work = new WorkUnderWay();

  constructor(
    readonly id: string,
    readonly channel: Channel,
  ) {
    this.work(() => {});
  }

  /** Notes what the session is asked or has answered. As long as it owes an answer, its silence is borne. */
  work(note: (work: WorkUnderWay) => void): void {
    note(this.#work);
    this.channel.patient = this.#work.any;
  }

  /** Sends a model once; the client keeps it by its hash. */
  sendModel(hash: string, bytes: Uint8Array): void {
    if (this.#modelsSent.has(hash)) return;
    // The client keeps the last two models: so does this memory of them.
    for (const old of this.#modelsSent) {
      if (this.#modelsSent.size < 2) break;
      this.#modelsSent.delete(old);
    }
    this.#modelsSent.add(hash);
    this.channel.send({ type: 'model', hash }, bytes);
  }
}
