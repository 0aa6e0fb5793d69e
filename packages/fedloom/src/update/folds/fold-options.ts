import { FedloomError } from '@fedloom/engine';
import { didYouMean } from '../../core/closest.js';

/** What a setting of a fold may be: a whole number. */
export interface FoldOptionRule {
  /** Inclusive. */
  readonly min: number;
  /** May be left out. */
  readonly optional?: boolean;
}

/**
 * A fold's settings, checked; those that were left out are absent.
 * @param example how the fold is called, for messages: `krum(f=1)`
 * @throws FedloomError `fold.option` for one that is unknown, missing, no whole number or too small
 */
export function readFoldOptions<Name extends string>(
  fold: string,
  example: string,
  given: Readonly<Record<string, unknown>>,
  rules: Readonly<Record<Name, FoldOptionRule>>,
): Partial<Record<Name, number>> {
  const names = Object.keys(rules) as Name[];
  for (const option of Object.keys(given)) {
    if (Object.hasOwn(rules, option)) continue;
    const known = names.length === 0 ? 'It has no options.' : `Its options: ${names.join(', ')}.`;
    throw new FedloomError(
      'fold.option',
      `${fold}: there is no option "${option}".${didYouMean(option, names)} ${known} Write it like ${example}.`,
      { fold, option },
    );
  }
  const options: Partial<Record<Name, number>> = {};
  for (const name of names) {
    const value = given[name];
    const { min, optional } = rules[name];
    if (value === undefined && optional) continue;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
      const found =
        value === undefined ? 'is missing' : `is ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`;
      throw new FedloomError(
        'fold.option',
        `${fold}: ${name} ${found}; it must be a whole number of at least ${min}. Write it like ${example}.`,
        { fold, option: name, value },
      );
    }
    // -0 passes as a whole number of at least 0, and would be written as such.
    options[name] = value + 0;
  }
  return options;
}
