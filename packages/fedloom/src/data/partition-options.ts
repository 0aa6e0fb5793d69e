import { FedloomError } from '@fedloom/engine';
import { unknownOption } from '../core/unknown-option.js';

/** @param known names of options @throws FedloomError `partition.option` when they are no object, or there is an unknown one */
export function requireOptions(partitioner: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw optionError(partitioner, 'options', `must be an object with ${known.join(', ')}, not ${options}`);
  }
  const unknown = unknownOption(options, known);
  if (unknown === undefined) return;
  throw optionError(partitioner, unknown.name, `is no option of it.${unknown.advice.replace(/[.?]$/, '')}`);
}

/** @throws FedloomError `partition.option` */
export function requirePositive(partitioner: string, option: string, value: number): void {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return;
  throw optionError(partitioner, option, `must be a number above 0, not ${value}`);
}

/** @throws FedloomError `partition.option` */
export function requireCount(partitioner: string, option: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw optionError(partitioner, option, `must be a whole number of at least 1, not ${value}`);
}

export function optionError(partitioner: string, option: string, what: string): FedloomError {
  return new FedloomError('partition.option', `${partitioner}: ${option} ${what}.`, { partitioner, option });
}
