import { didYouMean } from './closest.js';

export interface UnknownOption {
  readonly name: string;
  /** What was meant, or what there is: a sentence, with a blank before it. */
  readonly advice: string;
}

/** The first option that does not exist; undefined where all do. */
export function unknownOption(options: object, known: readonly string[]): UnknownOption | undefined {
  const name = Object.keys(options).find((option) => !known.includes(option));
  if (name === undefined) return undefined;
  return { name, advice: didYouMean(name, known) || ` Known are ${known.join(', ')}.` };
}
