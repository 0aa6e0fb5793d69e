import { FedloomError } from '@fedloom/engine';
import type { BufferedSchedule } from './algorithm.js';

/** @throws FedloomError `algorithm.option` unless they are whole numbers within their bounds */
export function readBuffer(algorithm: string, bufferSize: number, stalenessMax: number | undefined): BufferedSchedule {
  check(algorithm, 'bufferSize', bufferSize, 1);
  if (stalenessMax === undefined) return { name: 'buffered', bufferSize };
  check(algorithm, 'stalenessMax', stalenessMax, 0);
  return { name: 'buffered', bufferSize, stalenessMax };
}

function check(algorithm: string, option: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  const message = `${algorithm}: ${option} is ${value}; it must be a whole number of at least ${min}.`;
  throw new FedloomError('algorithm.option', message, { algorithm, option, value });
}
