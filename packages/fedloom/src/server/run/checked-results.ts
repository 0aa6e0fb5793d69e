import { FedloomError } from '@fedloom/engine';
import type { Results } from '../../core/records.js';

/** What a user's aggregator gave, if it is named finite numbers or lists of them. @throws FedloomError `aggregator.result` */
export function checkedResults(results: unknown): Results {
  const isResult = (value: unknown) => [value].flat().every(Number.isFinite);
  if (typeof results === 'object' && results !== null && Object.values(results).every(isResult)) {
    return results as Results;
  }
  throw new FedloomError('aggregator.result', 'it must return an object of named finite numbers, or lists of them.');
}
