import { FedloomError } from '@fedloom/engine';
import type { Trainer } from './trainer.js';

const METHODS = ['getModelParams', 'setModelParams', 'train', 'test'] as const;

/**
 * What a task's trainer factory gave must be a trainer.
 * @param who whose trainer it is, for the message: "client 3"
 * @throws FedloomError `trainer.definition`
 */
export function checkTrainer(given: unknown, who: string): asserts given is Trainer {
  const lacks = METHODS.filter((name) => typeof (given as Partial<Trainer> | null | undefined)?.[name] !== 'function');
  if (lacks.length === 0) return;
  const what = given === undefined || given === null ? String(given) : `an object without ${lacks.join(', ')}`;
  const message = `The task's trainer function gave ${who} ${what}: it must return an object with ${METHODS.join(', ')}.`;
  throw new FedloomError('trainer.definition', message, { lacks });
}
