import type { Evaluation } from '../core/evaluation.js';
import { wireLimits } from './limits.js';

/** What an evaluation takes of the room that the `evaluations` message gives to all its entries together. */
export interface EvaluationSize {
  /** Sums, weights and results, each element of a list. */
  readonly numbers: number;
  /** Of the names of statistics and results, and of what is said of those that cannot be counted, in UTF-16 code units. */
  readonly nameChars: number;
}

export function evaluationSize({
  statistics,
  results = {},
  unsound = {},
}: Pick<Evaluation, 'statistics' | 'results' | 'unsound'>): EvaluationSize {
  let numbers = 0;
  let nameChars = 0;
  for (const [name, { sum }] of Object.entries(statistics)) {
    numbers += 1 + numbersIn(sum);
    nameChars += name.length;
  }
  for (const [name, result] of Object.entries(results)) {
    numbers += numbersIn(result);
    nameChars += name.length;
  }
  for (const [name, why] of Object.entries(unsound)) nameChars += name.length + why.length;
  return { numbers, nameChars };
}

/** Whether entries of this size together have room in one message. */
export function fitsMessage({ numbers, nameChars }: EvaluationSize): boolean {
  return numbers <= wireLimits.evaluationNumbersMax && nameChars <= wireLimits.evaluationNameCharsMax;
}

function numbersIn(value: number | readonly number[]): number {
  return typeof value === 'number' ? 1 : value.length;
}
