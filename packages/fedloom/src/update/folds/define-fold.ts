import { FedloomError } from '@fedloom/engine';
import type { Fold } from '../fold-contract.js';

const NAME = /^[a-z][A-Za-z0-9]*(\/[a-z][A-Za-z0-9]*)?$/;

/**
 * Checks a fold and freezes it, the very object. The built-in folds use nothing else; `foldSuite` of `fedloom/testing` tests
 * what one of your own does.
 * @throws FedloomError `fold.definition`
 */
export function defineFold<F extends Fold>(fold: F): Readonly<F> {
  const { name, options } = fold ?? {};
  const requireThat = (holds: boolean, what: string) => {
    if (!holds) throw new FedloomError('fold.definition', `Fold ${JSON.stringify(name)}: ${what}.`, { name });
  };
  requireThat(typeof fold === 'object' && fold !== null, "it must be an object { name, kind: 'sum', options, ... }");
  requireThat(
    typeof name === 'string' && NAME.test(name),
    'its name must be camel case, such as krum, or vendor/name for one of your own',
  );
  requireThat(
    typeof options === 'object' && options !== null && Object.values(options).every(Number.isFinite),
    'options must be an object of finite numbers, {} if it has none',
  );
  requireThat(fold.kind === 'sum' || fold.kind === 'individual', "kind must be 'sum' or 'individual'");
  requireThat(typeof fold.memoryBytes === 'function', 'it lacks the function memoryBytes(specs, updates)');
  if (fold.kind === 'sum') requireThat(typeof fold.start === 'function', 'it lacks the function start(specs)');
  else requireThat(typeof fold.combine === 'function', 'it lacks the function combine(contributions, specs)');
  requireThat(
    fold.checkCohort === undefined || typeof fold.checkCohort === 'function',
    'checkCohort must be a function of the number of updates, or absent',
  );
  Object.freeze(options);
  return Object.freeze(fold);
}
