import { FedloomError } from '@fedloom/engine';
import type { CallOptions } from '../../core/call-text.js';
import { didYouMean } from '../../core/closest.js';
import type { Fold } from '../fold-contract.js';
import { readFoldOptions } from './fold-options.js';
import { type KrumOptions, krum, type MultiKrumOptions, multiKrum } from './krum.js';
import { median } from './median.js';
import { type TrimmedMeanOptions, trimmedMean } from './trimmed-mean.js';

/** A fold that can be asked for by its name. */
interface NamedFold {
  /** How it is written, with its options. */
  readonly usage: string;
  /** Checks the options itself. */
  make(options: unknown): Fold;
}

const FOLDS: Readonly<Record<string, NamedFold>> = {
  median: {
    usage: 'median',
    make(options) {
      readFoldOptions('median', 'median', { ...(options as CallOptions) }, {});
      return median();
    },
  },
  trimmedMean: { usage: 'trimmedMean(trim=2)', make: (options) => trimmedMean(options as TrimmedMeanOptions) },
  krum: { usage: 'krum(f=1)', make: (options) => krum(options as KrumOptions) },
  multiKrum: { usage: 'multiKrum(f=1, m=4)', make: (options) => multiKrum(options as MultiKrumOptions) },
};

/** The names that `foldNamed` knows. */
export const foldNames: readonly string[] = Object.freeze(Object.keys(FOLDS));

/**
 * The built-in fold of this name, as `--fold 'krum(f=1)'` asks for it.
 * @throws FedloomError `fold.unknown`, `fold.option`
 */
export function foldNamed(name: string, options: CallOptions = {}): Fold {
  const known = Object.hasOwn(FOLDS, name) ? FOLDS[name] : undefined;
  if (known !== undefined) return known.make(options);
  const usages = Object.values(FOLDS).map(({ usage }) => usage);
  throw new FedloomError(
    'fold.unknown',
    `There is no fold "${name}".${didYouMean(name, foldNames)} Known: ${usages.join(', ')}.`,
    { name },
  );
}
