import { factOf } from '../update/facts.js';
import type { Facts } from '../update/update.js';

/** s(t - tau) = (1 + t - tau)^-a, Xie et al. 2019, Section 5.2: how much an update counts that is so many versions old. */
export function polynomialStaleness(facts: Facts, exponent: number): number {
  return (1 + factOf(facts, 'staleness')) ** -exponent;
}
