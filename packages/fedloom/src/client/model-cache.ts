import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from '../compute/cancel-signal.js';
import type { ModelSnapshot } from '../compute/executor.js';
import type { Hash } from '../core/brands.js';
import type { HashFunction } from '../core/hash.js';
import { decodeSafetensors } from '../core/safetensors.js';
import { sharedBytes } from '../data/tensor-sharing.js';
import type { Version } from '../update/update.js';

interface Arrival {
  /** Set once it has come. */
  arrived?: ModelSnapshot;
  readonly snapshot: Promise<ModelSnapshot>;
  readonly arrive: (snapshot: ModelSnapshot) => void;
}

/** The models that the server has sent, by their hash, until it says that they are not needed any more. */
export class ModelCache {
  readonly #models = new Map<Hash, Arrival>();

  constructor(private readonly hash: HashFunction) {}

  /** @throws FedloomError `client.hash` unless the bytes are what was announced */
  arrived({ hash }: Version, body: Uint8Array): void {
    const actual = this.hash(body);
    if (actual !== hash) {
      const message = `The model that came has the hash ${actual}, announced was ${hash}.`;
      throw new FedloomError('client.hash', message, { actual, hash });
    }
    const bytes = sharedBytes(body);
    let tensors: ModelSnapshot['tensors'] | undefined;
    this.#arrival(hash).arrive({
      hash,
      bytes,
      get tensors() {
        tensors ??= decodeSafetensors(bytes);
        return tensors;
      },
    });
  }

  /** Who waits for one goes on waiting: it may come again. */
  forget(versions: readonly Version[]): void {
    this.#drop(versions.map(({ hash }) => hash));
  }

  /** Another connection begins: its server sends what it needs, and knows nothing of what came before. */
  keepOnly(isNeeded: (hash: Hash) => boolean): void {
    this.#drop([...this.#models.keys()].filter((hash) => !isNeeded(hash)));
  }

  #drop(hashes: readonly Hash[]): void {
    for (const hash of hashes) if (this.#models.get(hash)?.arrived !== undefined) this.#models.delete(hash);
  }

  /** The model, at once if it is there. Rejects when the signal aborts before it has come. */
  get(hash: Hash, signal: CancelSignal): ModelSnapshot | Promise<ModelSnapshot> {
    return this.#models.get(hash)?.arrived ?? this.#await(hash, signal);
  }

  #await(hash: Hash, signal: CancelSignal): Promise<ModelSnapshot> {
    if (signal.aborted) return Promise.reject(new Error('aborted'));
    return new Promise((resolve, reject) => {
      const abort = () => reject(new Error('aborted'));
      signal.addEventListener('abort', abort);
      void this.#arrival(hash).snapshot.then((snapshot) => {
        signal.removeEventListener('abort', abort);
        resolve(snapshot);
      });
    });
  }

  #arrival(hash: Hash): Arrival {
    const known = this.#models.get(hash);
    if (known !== undefined) return known;
    let arrive: Arrival['arrive'] = () => {};
    const snapshot = new Promise<ModelSnapshot>((resolve) => {
      arrive = resolve;
    });
    const arrival: Arrival = {
      snapshot,
      arrive: (model) => {
        arrival.arrived = model;
        arrive(model);
      },
    };
    this.#models.set(hash, arrival);
    return arrival;
  }
}
