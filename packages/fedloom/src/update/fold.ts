import { bytesPerElement, elementCount, FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import type { FoldSpec } from './check-update.js';
import { ExactMean } from './exact-mean.js';
import type { ClientUpdate } from './stage.js';

/**
 * How much each client's update counts.
 * - `samples`: as many times as it has samples; the sum is divided by all samples of the round
 * - `uniform`: once; the sum is divided by the number of updates
 * - `fixed`: once; the sum is divided by a number known before the round, as differential privacy needs it
 */
export type Weighting = 'samples' | 'uniform' | 'fixed';

/** How a round's updates become one aggregate. The result must not depend on the order of arrival. */
export type Fold = SumFold | IndividualFold;

interface FoldBase {
  readonly name: string;
  readonly weighting: Weighting;
  /** Bytes that the server holds at most for the fold of a round with so many updates. */
  memoryBytes(specs: readonly FoldSpec[], updates: number): number;
}

/** Takes updates as they come and forgets each: memory does not grow with the cohort. Suits secure aggregation. */
export interface SumFold extends FoldBase {
  readonly kind: 'sum';
  /** @param kept the server's values of tensors with fold `keep` */
  start(specs: readonly FoldSpec[], kept?: NamedTensors): RunningFold;
}

export interface RunningFold {
  readonly count: number;
  /** @throws FedloomError `update.*`; the fold is then as it was. */
  add(update: ClientUpdate): void;
  /** The aggregate, ascending by name. @throws FedloomError `aggregate.*`. */
  finish(): Map<string, Tensor>;
  /** Forgets the round's updates and keeps its memory. */
  reset(): void;
}

/** Needs all updates of a round at once: Krum, the median, the trimmed mean. The server refuses a round it cannot hold. */
export interface IndividualFold extends FoldBase {
  readonly kind: 'individual';
  /**
   * @param updates ascending by client, at least one, all checked against `specs`; it changes none of them
   * @param kept the server's values of tensors with fold `keep`
   * @throws FedloomError `aggregate.*`, for instance when there are too few updates for the rule
   */
  combine(updates: readonly ClientUpdate[], specs: readonly FoldSpec[], kept?: NamedTensors): Map<string, Tensor>;
}

/** The exact weighted mean. `fixed` divides by `denominator`, for instance the expected number of updates. */
export function sumFold(
  options:
    | { readonly weighting: 'samples' | 'uniform' }
    | { readonly weighting: 'fixed'; readonly denominator: number },
): SumFold {
  const { weighting } = options;
  const denominator = options.weighting === 'fixed' ? options.denominator : undefined;
  if (denominator !== undefined && !(Number.isSafeInteger(denominator) && denominator > 0)) {
    throw new FedloomError(
      'fold.denominator',
      `A fixed denominator is a whole number of at least 1, not ${denominator}.`,
      {
        denominator,
      },
    );
  }
  return Object.freeze({
    kind: 'sum' as const,
    name: 'mean',
    weighting,
    memoryBytes: (specs: readonly FoldSpec[]) => specs.reduce((sum, spec) => sum + sumBytes(spec), 0),
    start(specs: readonly FoldSpec[], kept?: NamedTensors): RunningFold {
      const mean = new ExactMean(specs, kept === undefined ? {} : { kept });
      return {
        get count() {
          return mean.count;
        },
        add({ client, sampleCount, tensors, checked }) {
          mean.add(tensors, weighting === 'samples' ? sampleCount : 1, `client ${client}`, checked);
        },
        finish: () => (denominator === undefined ? mean.finish() : mean.finish(denominator)),
        reset: () => mean.reset(),
      };
    },
  });
}

function sumBytes({ shape, dtype, fold }: FoldSpec): number {
  if (fold === 'keep') return 0;
  if (fold === 'max') return elementCount(shape) * bytesPerElement[dtype];
  return elementCount(shape) * (dtype.startsWith('float') ? 20 : 8);
}
