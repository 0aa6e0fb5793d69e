import type { IndividualFold } from '../fold-contract.js';
import { defineFold } from './define-fold.js';
import { readFoldOptions } from './fold-options.js';
import { memoryOf } from './fold-tensors.js';
import { middleMean, middleMeanScratchBytes } from './middle-mean.js';
import { type TooFewCode, tooFew } from './too-few.js';

export interface TrimmedMeanOptions {
  /** Values cut from each side: at least as many as there may be attackers. 0 is the unweighted mean. */
  readonly trim: number;
}

/**
 * The mean of each coordinate by itself without the `trim` smallest and the `trim` largest values, every client counting
 * once. Maxima stay maxima, which one client can move.
 *
 * Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates. ICML 2018,
 * arXiv 1803.01498, Definition 2, with beta = trim / n.
 */
export function trimmedMean(options: TrimmedMeanOptions): IndividualFold {
  const { trim = 0 } = readFoldOptions('trimmedMean', 'trimmedMean(trim=2)', { ...options }, { trim: { min: 0 } });
  const requireEnough = (code: TooFewCode, updates: number) => {
    if (updates > 2 * trim) return;
    const most = Math.max(0, Math.ceil(updates / 2) - 1);
    const cure = `Ask more clients a round, or cut at most ${most} a side.`;
    throw tooFew(code, `trimmedMean(trim=${trim})`, updates, `more than 2 trim = ${2 * trim} updates`, cure);
  };
  return defineFold<IndividualFold>({
    kind: 'individual',
    name: 'trimmedMean',
    options: { trim },
    memoryBytes: (specs, updates) => memoryOf(specs, updates, middleMeanScratchBytes(updates)),
    checkCohort: (updates) => requireEnough('fold.too-few', updates),
    combine(contributions, specs) {
      requireEnough('aggregate.too-few', contributions.length);
      return middleMean(contributions, specs, trim);
    },
  });
}
