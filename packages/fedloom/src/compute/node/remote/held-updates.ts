import { FedloomError, type NamedTensors } from '@fedloom/engine';
import { freeBytes } from '../../../core/byte-memory.js';
import { encodeSafetensors, safetensorsDecoder } from '../../../core/safetensors.js';
import { deltaNorm } from '../../../update/delta-norm.js';
import type { RunningSum } from '../../../update/fold-contract.js';
import { meanFold } from '../../../update/mean-fold.js';
import type { UpdateSpec } from '../../../update/update.js';
import { measureTensors } from '../../../update/update-check.js';
import {
  encodeReceipt,
  type HeldContribution,
  type HeldMeasures,
  type Refusal,
} from '../../../update/update-holders.js';
import type { TrainReply } from '../../job-pool.js';
import type { TrainWork } from '../../workers/pool-worker.js';
import type { FromHost, ToHolder } from './host-messages.js';

interface Held {
  readonly task: number;
  readonly tensors: NamedTensors;
  readonly magnitudes: Float64Array;
  /** Of which the tensors may be views. */
  readonly bytes: Uint8Array;
}

/** The updates that stay with a host of workers until a round is over, and the sums of those that count. */
export class HeldUpdates {
  readonly #holder: number;
  readonly #specs: readonly UpdateSpec[];
  readonly #needsNorm: boolean;
  readonly #decode = safetensorsDecoder();
  readonly #held = new Map<number, Held>();
  readonly #sums = new Map<number, RunningSum>();
  /** Their memory is used again. */
  readonly #idle: RunningSum[] = [];
  #lastUpdate = 0;

  constructor({ holder, specs, needsNorm }: Omit<Extract<ToHolder, { readonly kind: 'hold' }>, 'kind' | 'hold'>) {
    this.#holder = holder;
    this.#specs = specs;
    this.#needsNorm = needsNorm;
  }

  /** Checks an update as a server does, and keeps it if it is sound. @returns the reply with a receipt in its place */
  keep({ client, task }: Pick<TrainWork, 'client' | 'task'>, reply: TrainReply): TrainReply {
    this.#lastUpdate += 1;
    const receipt = { holder: this.#holder, update: this.#lastUpdate };
    const found = this.#checked(client, task, reply.update);
    return { ...reply, update: encodeReceipt({ ...receipt, found }) };
  }

  #checked(client: number, task: number, bytes: Uint8Array): HeldMeasures | Refusal {
    try {
      const tensors = this.#decode(bytes);
      const found = measureTensors(tensors, this.#specs, `client ${client}`);
      this.#held.set(this.#lastUpdate, { task, tensors, magnitudes: found.magnitudes, bytes });
      return this.#needsNorm ? { ...found, deltaNorm: deltaNorm(tensors, this.#specs) } : found;
    } catch (error) {
      if (!(error instanceof FedloomError)) throw error;
      const { code, message, fields } = error;
      return { failure: { code, message, fields } };
    }
  }

  add(round: number, number: number, { update, weight }: HeldContribution): void {
    const held = this.#held.get(number);
    if (held === undefined) throw new Error(`update ${number} is not held here`);
    this.#held.delete(number);
    let sum = this.#sums.get(round);
    if (sum === undefined) {
      sum = this.#idle.pop() ?? meanFold().start(this.#specs);
      this.#sums.set(round, sum);
    }
    const { tensors, magnitudes, bytes } = held;
    sum.add({ update: { ...update, tensors }, weight, magnitudes });
    freeBytes(bytes);
  }

  /** What was added in a round, which is over: nothing is held of it, nor of those before. */
  sum(round: number): Extract<FromHost, { readonly kind: 'sum' }> {
    const sum = this.#sums.get(round);
    const partial = sum?.partial();
    this.drop(round);
    if (partial === undefined) return { kind: 'sum', count: 0 };
    return { kind: 'sum', count: partial.count, tensors: encodeSafetensors(partial.tensors) };
  }

  /** Gives back the memory of all that is held. */
  release(): void {
    for (const { bytes } of this.#held.values()) freeBytes(bytes);
    this.#held.clear();
    this.#sums.clear();
    this.#idle.length = 0;
  }

  drop(round: number): void {
    const sum = this.#sums.get(round);
    if (sum !== undefined) {
      sum.reset();
      this.#idle.push(sum);
      this.#sums.delete(round);
    }
    for (const [number, { task, bytes }] of this.#held) {
      if (task > round) continue;
      this.#held.delete(number);
      freeBytes(bytes);
    }
  }
}
