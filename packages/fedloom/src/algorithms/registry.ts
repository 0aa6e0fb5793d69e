import { FedloomError } from '@fedloom/engine';
import { didYouMean } from '../core/closest.js';
import type { Fold } from '../update/fold-contract.js';
import type { FederatedAlgorithm } from './algorithm.js';
import { fedAdam } from './fed-adam.js';
import { fedAsync } from './fed-async.js';
import { fedAvg } from './fed-avg.js';
import { fedBn } from './fed-bn.js';
import { fedBuff } from './fed-buff.js';
import { fedNova } from './fed-nova.js';
import { fedPer } from './fed-per.js';
import { fedProx } from './fed-prox.js';
import { readOptions } from './options.js';
import { qFedAvg } from './q-fed-avg.js';
import { krum, median, multiKrum, trimmedMean } from './robust.js';
import { scaffold } from './scaffold.js';

export type AlgorithmOptions = Readonly<Record<string, unknown>>;

/** An algorithm that can be asked for by its name. */
interface NamedAlgorithm {
  /** How it is written, with its options. */
  readonly usage: string;
  /** Checks the options itself. */
  make(options: never): FederatedAlgorithm;
}

/** For those without options. */
const plain = (name: string, make: () => FederatedAlgorithm) => (options: Readonly<Record<string, number>>) => {
  readOptions(name, options, {});
  return make();
};

const ALGORITHMS: Readonly<Record<string, NamedAlgorithm>> = {
  fedAvg: { usage: 'fedAvg', make: plain('fedAvg', fedAvg) },
  fedProx: { usage: 'fedProx(mu=0.1)', make: fedProx },
  fedAdam: { usage: 'fedAdam(serverLearningRate=0.01)', make: fedAdam },
  scaffold: { usage: 'scaffold', make: scaffold },
  fedNova: { usage: 'fedNova', make: fedNova },
  fedBn: { usage: 'fedBn', make: plain('fedBn', fedBn) },
  fedPer: { usage: 'fedPer(layers=1)', make: fedPer },
  qFedAvg: { usage: 'qFedAvg(q=1)', make: qFedAvg },
  fedBuff: { usage: 'fedBuff(bufferSize=10)', make: fedBuff },
  fedAsync: { usage: 'fedAsync(alpha=0.6)', make: fedAsync },
  median: { usage: 'median', make: plain('median', median) },
  trimmedMean: { usage: 'trimmedMean(trim=2)', make: trimmedMean },
  krum: { usage: 'krum(f=1)', make: krum },
  multiKrum: { usage: 'multiKrum(f=1)', make: multiKrum },
};

/** The names that `algorithmNamed` knows. */
export const algorithmNames: readonly string[] = Object.freeze(Object.keys(ALGORITHMS));

/**
 * The built-in algorithm of this name, as `--algorithm 'fedProx(mu=0.1)'` asks for it.
 * @throws FedloomError `algorithm.unknown`, `algorithm.option`, `fold.option`
 */
export function algorithmNamed(name: string, options: AlgorithmOptions = {}): FederatedAlgorithm {
  const known = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (known !== undefined) return known.make(options as never);
  const usages = Object.values(ALGORITHMS).map(({ usage }) => usage);
  throw new FedloomError(
    'algorithm.unknown',
    `There is no algorithm "${name}".${didYouMean(name, algorithmNames)} Known: ${usages.join(', ')}.`,
    { name },
  );
}

/**
 * The algorithm with another fold in place of its own.
 * @throws FedloomError `algorithm.fold` where its server update holds for its own fold alone, and for what is no algorithm or no fold
 */
export function withFold(algorithm: FederatedAlgorithm, fold: Fold): FederatedAlgorithm {
  if (typeof algorithm?.server?.update !== 'function' || typeof fold?.memoryBytes !== 'function') {
    const message = 'withFold takes an algorithm and a fold: withFold(fedAvg(), median()).';
    throw new FedloomError('algorithm.fold', message, { algorithm: String(algorithm?.name), fold: String(fold?.name) });
  }
  if (algorithm.foldReplaceable === true) {
    const remake = algorithm.with?.bind(algorithm);
    return { ...algorithm, fold, ...(remake && { with: (changes) => withFold(remake(changes), fold) }) };
  }
  throw new FedloomError(
    'algorithm.fold',
    `${algorithm.name} needs its own fold (${algorithm.fold?.name ?? 'mean'}): it cannot work with ${fold.name}. ` +
      'Leave the fold out, or choose an algorithm such as fedAvg, fedProx or fedAdam.',
    { algorithm: algorithm.name, fold: fold.name },
  );
}
