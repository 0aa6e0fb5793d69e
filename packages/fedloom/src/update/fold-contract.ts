import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { Update, UpdateSpec } from './update.js';

/** An update as a fold takes it: checked against the specs, decoded by the stages, weighted by the algorithm. */
export interface Contribution {
  readonly update: Update;
  /**
   * How much its trained tensors and its uploads count: finite, at least 0, at most 24 significant bits. Its buffers always
   * count by `facts.sampleCount`.
   */
  readonly weight: number;
  /** The largest magnitude of each tensor, in the order of the specs, if the checks have found it: it need not be read again. */
  readonly magnitudes?: Float64Array;
}

/**
 * What a fold makes of a round, ascending by name: `mean` of floats as float64 (deltas and uploads), `mean` of integers and
 * `max` as values of their own dtype.
 */
export type Aggregate = Map<string, Tensor>;

/** How a round's updates become one aggregate. The result must not depend on the order of arrival. */
export type Fold = SumFold | IndividualFold;

export interface FoldBase {
  /** Camel case, as the function that makes it: `mean`, `krum`. */
  readonly name: string;
  /** All settings with their values, for records and for `--fold name(key=value)`. */
  readonly options: Readonly<Record<string, number>>;
  /** Bytes that the server holds at most for a fold of so many updates. */
  memoryBytes(specs: readonly UpdateSpec[], updates: number): number;
  /**
   * Refuses a cohort that the rule cannot work with, before the run starts.
   * @throws FedloomError `fold.too-few`, with the arithmetic
   */
  checkCohort?(updates: number): void;
}

/** Takes updates as they come and forgets each: memory does not grow with the cohort. */
export interface SumFold extends FoldBase {
  readonly kind: 'sum';
  start(specs: readonly UpdateSpec[]): RunningSum;
}

export interface RunningSum {
  readonly count: number;
  /** @throws FedloomError `update.*`; the sum is then as it was. The tensors may be gone after the call. */
  add(contribution: Contribution): void;
  /** What was added so far, to be merged elsewhere; in memory of its own. */
  partial(): PartialSum;
  /** Adds what another running sum of the same specs has summed: equal to the bit to adding its updates here. */
  merge(partial: PartialSum): void;
  /** @throws FedloomError `aggregate.*` */
  finish(): Aggregate;
  /**
   * As `finish`, in the memory of the sums, where they are large: it holds until `reset`, which is all that may follow. Absent:
   * `finish` is called.
   */
  finishInPlace?(): Aggregate;
  /** Forgets the round's updates and keeps its memory. */
  reset(): void;
}

/** A sum that travels: plain tensors, so that it can be written as safetensors. */
export interface PartialSum {
  readonly count: number;
  readonly tensors: NamedTensors;
}

/** Needs all updates of a round at once: Krum, the median, the trimmed mean. It owns the updates it is given. */
export interface IndividualFold extends FoldBase {
  readonly kind: 'individual';
  /**
   * @param contributions ascending by client, at least one; it may change their tensors
   * @throws FedloomError `aggregate.*`, for instance when there are too few updates for the rule
   */
  combine(contributions: readonly Contribution[], specs: readonly UpdateSpec[]): Aggregate;
}
