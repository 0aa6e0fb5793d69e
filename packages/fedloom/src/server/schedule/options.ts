import { FedloomError } from '@fedloom/engine';
import { fedmlSampling } from './sampling.js';
import type { CoordinatorOptions, ResolvedOptions } from './types.js';

/** setTimeout's limit: longer delays fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/**
 * Fills in the defaults and checks the bounds.
 * @throws FedloomError `coordinator.options`, naming the option, its value and its bounds
 */
export function resolveOptions(options: CoordinatorOptions): ResolvedOptions {
  const { clients, clientsPerRound, rounds } = options;
  integer('clients', clients, 1, 2 ** 31 - 1);
  integer('clientsPerRound', clientsPerRound, 1, clients);
  integer('rounds', rounds, 1, Number.MAX_SAFE_INTEGER);
  const resolved: ResolvedOptions = {
    clients,
    clientsPerRound,
    rounds,
    firstRound: options.firstRound ?? 0,
    evaluateEvery: options.evaluateEvery ?? 1,
    minimumClients: options.minimumClients ?? clients,
    deadlineMs: options.deadlineMs ?? null,
    quorum: options.quorum ?? Math.ceil(clientsPerRound / 2),
    attemptsMax: options.attemptsMax ?? 3,
    sampler: options.sampler ?? fedmlSampling(),
    evaluateOnClients: options.evaluateOnClients ?? true,
    evaluateOnServer: options.evaluateOnServer ?? false,
    evaluationDeadlineMs: options.evaluationDeadlineMs ?? null,
  };
  integer('firstRound', resolved.firstRound, 0, rounds - 1);
  integer('evaluateEvery', resolved.evaluateEvery, 0, Number.MAX_SAFE_INTEGER);
  integer('minimumClients', resolved.minimumClients, 1, clients);
  integer('quorum', resolved.quorum, 1, clientsPerRound);
  integer('attemptsMax', resolved.attemptsMax, 0, Number.MAX_SAFE_INTEGER);
  if (resolved.deadlineMs !== null) integer('deadlineMs', resolved.deadlineMs, 1, DELAY_MS_MAX);
  if (resolved.evaluationDeadlineMs !== null) {
    integer('evaluationDeadlineMs', resolved.evaluationDeadlineMs, 1, DELAY_MS_MAX);
  }
  return Object.freeze(resolved);
}

function integer(option: keyof CoordinatorOptions, value: number, minimum: number, maximum: number): void {
  if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return;
  throw new FedloomError(
    'coordinator.options',
    `${option} is ${value}; it must be a whole number from ${minimum} to ${maximum}${BOUNDED_BY[option] ?? ''}.`,
    { option, value, minimum, maximum },
  );
}

const BOUNDED_BY: Partial<Record<keyof CoordinatorOptions, string>> = {
  clientsPerRound: ' (the number of clients)',
  minimumClients: ' (the number of clients)',
  quorum: ' (the clients of a round)',
  firstRound: ' (the last round)',
};
