import type { Scalars } from './algorithm.js';
import { type OptionRule, readOptions } from './options.js';

/** A number for every round, or one for each: a pure function of the round, from 0. */
export type ByRound = number | ((round: number) => number);

/** Its value in the first round: the default that stands in plans and records. */
export function firstOf(value: ByRound): number {
  return typeof value === 'function' ? value(0) : value;
}

/**
 * The algorithm's `client.scalars` for one scalar that changes from round to round.
 * @throws FedloomError `algorithm.option`, when a round's value breaks the rule: it names the round
 */
export function scalarByRound(
  algorithm: string,
  name: string,
  value: (round: number) => number,
  rule: OptionRule,
): (round: number) => Scalars {
  return (round) => readOptions(`${algorithm}, round ${round + 1}`, { [name]: value(round) }, { [name]: rule });
}
