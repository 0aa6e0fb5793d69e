import { FedloomError } from '@fedloom/engine';
import type { Contribution, PartialSum } from './fold-contract.js';
import type { Update, UpdateSpec } from './update.js';
import type { TensorMeasures } from './update-check.js';

/**
 * Those with whom updates stay when they are trained elsewhere than at the server, and who add them up there: the server gets
 * a receipt for each update, says what it counts, and takes one exact partial sum of each holder.
 */
export interface UpdateHolders {
  /**
   * From now on updates, which are of these specs, stay where they were trained.
   * @param needsNorm receipts are to have the `deltaNorm`
   */
  hold(specs: readonly UpdateSpec[], needsNorm: boolean): void;
  /** The update of a receipt counts in a round, once. */
  add(round: number, receipt: UpdateReceipt, contribution: HeldContribution): void;
  /**
   * What was added in a round. It is over then: of it and of rounds before nothing is held any more.
   * @throws FedloomError `fold.holder-lost` when a holder has gone with what it had
   */
  sums(round: number): Promise<readonly PartialSum[]>;
  /** The round is over, and nothing of it counts. */
  drop(round: number): void;
}

/** What the holder does not know of its update: the rest of it, and how much it counts. */
export interface HeldContribution extends Pick<Contribution, 'weight'> {
  readonly update: Omit<Update, 'tensors'>;
}

/** What a server is told of an update that stays with its holder. */
export interface UpdateReceipt {
  /** The number of the holder among all. */
  readonly holder: number;
  /** The holder's number for the update. */
  readonly update: number;
  /** What the holder's checks found. */
  readonly found: HeldMeasures | Refusal;
}

export interface HeldMeasures extends TensorMeasures {
  /** Of the trained deltas, where it is asked for. */
  readonly deltaNorm?: number;
}

/** The checks refused the update, which is not held. */
export interface Refusal {
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };
}

/** No safetensors file begins like this: its header would be longer than any memory. */
const MARK = 'fedloom-receipt ';
const decoder = new TextDecoder();

/** A receipt in the place of an update's bytes. */
export function encodeReceipt({ holder, update, found }: UpdateReceipt): Uint8Array {
  const plain =
    'failure' in found ? found : { ...found, ...{ magnitudes: [...found.magnitudes], norms: [...found.norms] } };
  return new TextEncoder().encode(MARK + JSON.stringify({ holder, update, found: plain }));
}

/** Undefined where the bytes are an update's own. Only for bytes of this program: nothing is checked. */
export function decodeReceipt(bytes: Uint8Array): UpdateReceipt | undefined {
  if (decoder.decode(bytes.subarray(0, MARK.length)) !== MARK) return undefined;
  const { holder, update, found } = JSON.parse(decoder.decode(bytes.subarray(MARK.length))) as UpdateReceipt;
  if ('failure' in found) return { holder, update, found };
  const { magnitudes, norms, ...more } = found;
  return {
    ...{ holder, update },
    found: { ...more, magnitudes: Float64Array.from(magnitudes), norms: Float64Array.from(norms) },
  };
}

/** @throws FedloomError what the holder's checks threw */
export function measuresOf({ found }: UpdateReceipt): HeldMeasures {
  if ('failure' in found) throw FedloomError.from(found.failure);
  return found;
}
