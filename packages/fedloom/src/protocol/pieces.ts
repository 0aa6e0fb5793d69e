import { wireLimits } from './limits.js';

/** Lists cut so that each is one that a message may carry. */
export function* pieces<T>(list: readonly T[], lengthMax: number = wireLimits.rangesMax): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += lengthMax) yield list.slice(at, at + lengthMax);
}
