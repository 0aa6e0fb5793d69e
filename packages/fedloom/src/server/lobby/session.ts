import type { Hash } from '../../core/brands.js';
import type { Channel } from '../../protocol/channel.js';
import { wireLimits } from '../../protocol/limits.js';
import type { ClientMessage } from '../../protocol/messages.js';
import { pieces } from '../../protocol/pieces.js';
import type { Version } from '../../update/update.js';
import { WorkUnderWay } from './work-under-way.js';

/** What a client may say once the handshake is over. */
export type SessionMessage = Exclude<ClientMessage, { readonly type: 'hello' | 'auth' }>;

/** One client process's connection, after the handshake. It knows which models the other side has. */
export class Session {
  readonly #models = new Map<Hash, Version>();
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

  /**
   * Sends a model once; the client keeps it until it is told that it needs it no more.
   * @param stillUsed whether somebody still works on an earlier one; default: nobody
   */
  sendModel(version: Version, bytes: Uint8Array, stillUsed: (version: Version) => boolean = () => false): void {
    if (this.#models.has(version.hash)) return;
    const versions = [...this.#models.values()].filter((earlier) => !stillUsed(earlier));
    for (const { hash } of versions) this.#models.delete(hash);
    this.#models.set(version.hash, version);
    for (const part of pieces(versions, wireLimits.versionsForgottenMax)) {
      this.channel.send({ type: 'forget', versions: part });
    }
    this.channel.send({ type: 'model', version }, bytes, { shared: version.hash });
  }
}
