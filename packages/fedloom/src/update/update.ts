import type { DType, NamedTensors } from '@fedloom/engine';
import type { ClientIndex, Hash, VersionNumber } from '../core/brands.js';

/** A model at one point of its history: which of the run's models, its number from 0, and the hash of its `model` body. */
export interface Version {
  readonly model: string;
  readonly number: VersionNumber;
  readonly hash: Hash;
}

/** Named numbers about an update: `sampleCount`, `stepCount`, `meanLoss` where there is one, and what the algorithm asks for. */
export type Facts = Readonly<Record<string, number>>;

/**
 * What one client's training changed, from the client's executor to the server's fold: the same value under the same name
 * all the way.
 */
export interface Update {
  /** The client's index. */
  readonly client: ClientIndex;
  /** The model it started from. */
  readonly base: Version;
  /** Keys the client's random streams: under `rounds` the round, under `buffered` how often this client was asked before. */
  readonly task: number;
  readonly attempt: number;
  readonly facts: Facts;
  /** What `UpdateSpec` lists, ascending by name: deltas or values under the parameter's name, uploads as `slot/parameter`. */
  readonly tensors: NamedTensors;
}

/** One tensor of an update: what it must be, how it travels, and what becomes of the clients' values. */
export interface UpdateSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** `mean` weighted, an integer's rounded half to even; `max` the greatest of each element. */
  readonly fold: 'mean' | 'max';
  /**
   * What it is of. `trained` and `buffer` of floats with fold `mean` travel as `local - base` in their dtype; other buffers
   * and every `upload` as values.
   */
  readonly kind: 'trained' | 'buffer' | 'upload';
}

/** Whether a tensor travels as the difference to the base, not as a value: a uint8 has no room for a difference. */
export function travelsAsDelta({ dtype, fold, kind }: UpdateSpec): boolean {
  return kind !== 'upload' && fold === 'mean' && isFloat(dtype);
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}
