import { FedloomError, type Optimizer } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import type { Trainer } from './trainer.js';

/**
 * Refuses a trainer that would silently turn the algorithm into FedAvg, because it does not apply what the algorithm adds
 * to the clients' training.
 * @param who whose trainer it is, for the message: "client 3".
 * @throws FedloomError `trainer.terms`.
 */
export function refuseUnappliedTerms(
  algorithm: FederatedAlgorithm,
  trainer: Pick<Trainer, 'appliesTerms'>,
  who: string,
): void {
  const { name, client: { terms } = {} } = algorithm;
  const works = terms?.gradientTerm !== undefined || terms?.finish !== undefined;
  if (!works || trainer.appliesTerms?.includes(name)) return;
  throw new FedloomError(
    'trainer.terms',
    `The trainer of ${who} does not apply the client terms of ${name}; without them the run would not be ${name}. ` +
      `Apply them in train(context) and declare appliesTerms: ['${name}'], or choose an algorithm without client terms, such as fedAvg().`,
    { algorithm: name },
  );
}

/** @throws FedloomError `task.optimizer` where the algorithm's terms do not hold for the client's optimiser. */
export function refuseOptimizer(task: string, algorithm: FederatedAlgorithm, optimizer: Optimizer): void {
  if (!algorithm.needsStatelessOptimizer || optimizer.slots.length === 0) return;
  throw new FedloomError(
    'task.optimizer',
    `Task "${task}": ${algorithm.name} needs plain SGD on the clients, but training.optimizer keeps ` +
      `${optimizer.slots.join(', ')} from step to step. Leave that out, for instance sgd({ learningRate: ${optimizer.learningRate} }).`,
    { algorithm: algorithm.name, slots: optimizer.slots },
  );
}
