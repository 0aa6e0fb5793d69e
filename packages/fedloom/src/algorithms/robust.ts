import { FedloomError, isFedloomError } from '@fedloom/engine';
import type { Fold } from '../update/fold-contract.js';
import {
  type KrumOptions,
  krum as krumFold,
  type MultiKrumOptions,
  multiKrum as multiKrumFold,
} from '../update/folds/krum.js';
import { median as medianFold } from '../update/folds/median.js';
import { type TrimmedMeanOptions, trimmedMean as trimmedMeanFold } from '../update/folds/trimmed-mean.js';
import type { FederatedAlgorithm, Hyperparameters } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';

// FedAvg with another fold in place of the mean: no small number of clients can move the model where it wants. The folds say
// where their rules come from; each can also take the place of another algorithm's mean (`--fold`).

/** The median of each coordinate. Yin et al. 2018, arXiv 1803.01498. */
export function median(): FederatedAlgorithm {
  return robust(medianFold(), 'Yin et al. 2018, arXiv 1803.01498', (changes) => {
    readOptions('median', changes, {});
    return median();
  });
}

/** The mean of each coordinate without the `trim` largest and smallest. Yin et al. 2018, arXiv 1803.01498. */
export function trimmedMean(options: TrimmedMeanOptions): FederatedAlgorithm {
  const fold = trimmedMeanFold(options);
  return robust(fold, 'Yin et al. 2018, arXiv 1803.01498', (changes) => trimmedMean({ ...options, ...changes }));
}

/** The one update that lies nearest to the others. Blanchard et al. 2017, arXiv 1703.02757. */
export function krum(options: KrumOptions): FederatedAlgorithm {
  const fold = krumFold(options);
  return robust(fold, 'Blanchard et al. 2017, arXiv 1703.02757', (changes) => krum({ ...options, ...changes }));
}

/** The mean of the `m` updates that lie nearest to the others. Blanchard et al. 2017, arXiv 1703.02757. */
export function multiKrum(options: MultiKrumOptions): FederatedAlgorithm {
  const fold = multiKrumFold(options);
  return robust(fold, 'Blanchard et al. 2017, arXiv 1703.02757', (changes) => multiKrum({ ...options, ...changes }));
}

function robust(
  fold: Fold,
  citation: string,
  remake: (changes: Hyperparameters) => FederatedAlgorithm,
): FederatedAlgorithm {
  return defineAlgorithm({
    name: fold.name,
    citation,
    fold,
    hyperparameters: fold.options,
    with: (changes) => withItsErrors(() => remake(changes), fold.name),
    server: { initialize: () => new Map(), update: (input) => ({ model: moved(input), state: new Map() }) },
  });
}

/** What is wrong with a setting of the fold is wrong with one of the algorithm. */
function withItsErrors(remake: () => FederatedAlgorithm, algorithm: string): FederatedAlgorithm {
  try {
    return remake();
  } catch (error) {
    if (!isFedloomError(error, 'fold.option')) throw error;
    throw new FedloomError('algorithm.option', error.message, { ...error.fields, algorithm }, { cause: error });
  }
}
