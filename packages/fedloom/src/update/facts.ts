import { FedloomError } from '@fedloom/engine/base';
import type { Facts } from './update.js';

/**
 * A fact that must be there.
 * @throws FedloomError `update.fact`: the client did not tell it
 */
export function factOf(facts: Facts, name: string): number {
  const fact = facts[name];
  if (fact !== undefined) return fact;
  throw new FedloomError('update.fact', `The update lacks the fact "${name}".`, { fact: name });
}
