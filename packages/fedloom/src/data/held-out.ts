import { FedloomError } from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
import { ascending } from './partition.js';
import { isText, optionError } from './reader-options.js';

/** Samples that are drawn from the rest and held out for tests. */
export interface HeldOut {
  /** Of the samples, between 0 and 1: 0.2 holds out a fifth. */
  readonly share: number;
  /** Who holds out the same share of the same samples with the same seed holds out the same samples. Default 0. */
  readonly seed?: number;
}

/** Whether a reader's `test` is a share of its samples, and not a file. */
export function isHeldOut<T>(test: T): test is Extract<T, { readonly share: number }> {
  return typeof test === 'object' && test !== null && 'share' in test;
}

/** Whether it can be either. */
export function isTest(test: unknown): boolean {
  return isText(test) || test instanceof URL || isHeldOut(test);
}

/** @throws FedloomError `data.option` */
export function checkHeldOut({ share, seed = 0 }: HeldOut, reader: string): void {
  if (!(share > 0 && share < 1)) {
    throw optionError(reader, 'test.share', `test.share must lie between 0 and 1, not be ${share}.`);
  }
  if (!Number.isSafeInteger(seed)) {
    throw optionError(reader, 'test.seed', `test.seed must be a whole number, not ${seed}.`);
  }
}

/**
 * Rows for training and rows for tests, each ascending; of `count` samples, the share rounded, at least one of either kind.
 * @throws FedloomError `data.empty` when there are fewer than two samples
 */
export function holdOut(
  count: number,
  { share, seed = 0 }: HeldOut,
  where: string,
): { readonly train: Int32Array; readonly test: Int32Array } {
  if (count < 2) {
    throw new FedloomError('data.empty', `${where}: of ${count} samples none can be held out for tests.`);
  }
  const tests = Math.min(count - 1, Math.max(1, Math.round(count * share)));
  const order = ascending(count);
  RandomStream.of(seed, 'held-out').shuffle(order);
  return { train: order.slice(tests).sort(), test: order.slice(0, tests).sort() };
}
