import { FedloomError } from '@fedloom/engine';

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
