import { FedloomError } from '@fedloom/engine';
import type { Hash } from '../../core/brands.js';
import { visibleText } from '../../core/visible-text.js';
import { type Channel, owed } from '../../protocol/channel.js';
import type { Identity } from '../../protocol/handshake.js';
import { wireLimits } from '../../protocol/limits.js';
import type { ClientMessage } from '../../protocol/messages.js';
import { pieces } from '../../protocol/pieces.js';
import type { Version } from '../../update/update.js';
import { WorkUnderWay } from './work-under-way.js';

/** What a client may say once the handshake is over. */
export type SessionMessage = Exclude<ClientMessage, { readonly type: 'hello' | 'auth' }>;

/** Models that a connection may owe its end: the one that travels and the next, or as many small ones as fit. */
const MODELS_OWED_MAX = 2;
const MODEL_BYTES_OWED_MAX = 64 << 20;

/** One client process's connection, after the handshake. It knows which models the other side has. */
export class Session {
  readonly #models = new Map<Hash, Version>();
  readonly #work = new WorkUnderWay();
  /** Hashes of plans and the like that it was sent. */
  readonly #sent = new Set<Hash>();
  #owedModels = 0;
  #owedModelBytes = 0;

  constructor(
    readonly id: string,
    readonly channel: Channel,
    /** Who the client has proved to be; undefined: nobody asked. */
    readonly identity?: Identity,
  ) {
    this.work(() => {});
  }

  /** Who it is, for people: where it comes from, and who it has proved to be. */
  get peer(): string {
    const { peer } = this.channel;
    return this.identity === undefined ? peer : `${visibleText(this.identity.name)} at ${peer}`;
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
    this.#owedModels += 1;
    this.#owedModelBytes += bytes.length;
    if (this.#owedModels > MODELS_OWED_MAX && this.#owedModelBytes > MODEL_BYTES_OWED_MAX) {
      return this.channel.drop(owed(this.#owedModelBytes, MODEL_BYTES_OWED_MAX));
    }
    const onSent = () => {
      this.#owedModels -= 1;
      this.#owedModelBytes -= bytes.length;
    };
    this.channel.send({ type: 'model', version }, bytes, { shared: version.hash, onSent });
  }

  /**
   * Sends what a client asks for by its hash, once.
   * @throws FedloomError `protocol.repeated`
   */
  sendOnce(type: 'plan' | 'frozen', hash: Hash, bytes: Uint8Array): void {
    if (this.#sent.has(hash)) {
      throw new FedloomError('protocol.repeated', `${hash} was asked for over this connection before.`, { hash });
    }
    this.#sent.add(hash);
    this.channel.send({ type, hash }, bytes, { shared: hash });
  }
}
