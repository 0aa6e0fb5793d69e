import { FedloomError } from '@fedloom/engine';
import type { ClientWorkload } from '../compute/executor.js';
import type { Hash } from '../core/brands.js';
import type { HashFunction } from '../core/hash.js';
import { sharedBytes } from '../data/tensor-sharing.js';
import type { Frozen, GetFrozen, GetPlan, Plan, Welcome } from '../protocol/messages.js';

type PlanWorkload = Extract<ClientWorkload, { readonly kind: 'plan' }>;

export interface ShipmentOptions {
  readonly hash: HashFunction;
  /** Turns the bytes of a plan, whose hash was checked, into the workload. */
  readonly decodePlan: (bytes: Uint8Array, hash: Hash) => PlanWorkload;
}

/** What a server ships once, before its clients join: the plan, and where it has frozen parameters, those. */
export class Shipment {
  #expected: Extract<Welcome['workload'], { readonly kind: 'plan' }> | undefined;
  #plan: PlanWorkload | undefined;
  #frozen: PlanWorkload['frozen'];

  constructor(private readonly options: ShipmentOptions) {}

  /** Begins, over a new connection: what the server is to be asked for. */
  expect(workload: Extract<Welcome['workload'], { readonly kind: 'plan' }>): readonly (GetPlan | GetFrozen)[] {
    this.#expected = workload;
    this.#plan = undefined;
    this.#frozen = undefined;
    const { hash, frozen } = workload;
    return [{ type: 'getPlan', hash }, ...(frozen === undefined ? [] : [{ type: 'getFrozen' as const, hash: frozen }])];
  }

  /**
   * @returns the workload, once all of it is there
   * @throws FedloomError `client.hash` unless the bytes are what was announced; `plan.*`
   */
  arrived(message: Plan | Frozen, body: Uint8Array): PlanWorkload | undefined {
    const { hash } = message;
    const actual = this.options.hash(body);
    const what = message.type === 'plan' ? 'plan that came has' : 'frozen parameters that came have';
    if (actual !== hash) {
      throw new FedloomError('client.hash', `The ${what} the hash ${actual}, announced was ${hash}.`, { actual, hash });
    }
    const announced = message.type === 'plan' ? this.#expected?.hash : this.#expected?.frozen;
    if (announced !== hash) throw notAnnounced(what, hash, announced);
    if (message.type === 'plan') this.#plan = this.options.decodePlan(body.slice(), hash);
    else this.#frozen = { hash, bytes: sharedBytes(body) };
    if (this.#plan === undefined || this.#frozen?.hash !== this.#expected?.frozen) return undefined;
    return { ...this.#plan, ...(this.#frozen && { frozen: this.#frozen }) };
  }
}

/** What was checked of the welcome, such as a plan that was pinned, holds of nothing else. */
function notAnnounced(what: string, actual: Hash, announced: Hash | undefined): FedloomError {
  const message = `The ${what} the hash ${actual}, but the server's welcome names ${announced ?? 'none'}.`;
  return new FedloomError('client.hash', message, { actual, hash: announced ?? 'none' });
}
