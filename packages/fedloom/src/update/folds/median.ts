import type { IndividualFold } from '../fold-contract.js';
import { defineFold } from './define-fold.js';
import { memoryOf } from './fold-tensors.js';
import { middleMean, middleMeanScratchBytes } from './middle-mean.js';

/**
 * The median of each coordinate by itself, every client counting once: fewer than half of them can move it no further than
 * the others' values lie. Of an even number, the mean of the two in the middle. Maxima stay maxima, which one client can move.
 *
 * Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates. ICML 2018,
 * arXiv 1803.01498, Definition 1.
 */
export function median(): IndividualFold {
  return defineFold<IndividualFold>({
    kind: 'individual',
    name: 'median',
    options: {},
    memoryBytes: (specs, updates) => memoryOf(specs, updates, middleMeanScratchBytes(updates)),
    combine: (contributions, specs) => middleMean(contributions, specs, Math.floor((contributions.length - 1) / 2)),
  });
}
