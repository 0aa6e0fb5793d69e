import { FedloomError } from '@fedloom/engine';
import type { CoordinatorOptions, ResolvedOptions } from './schedule.js';

/** setTimeout's limit: longer delays fire at once. */
export const DELAY_MS_MAX = 2 ** 31 - 1;

/**
 * Fills in the defaults and checks the bounds, those of the schedule included.
 * @throws FedloomError `coordinator.options`, naming the option, its value and its bounds
 */
export function resolveOptions(options: CoordinatorOptions): ResolvedOptions {
  const { clients, rounds, schedule } = options;
  checkWhole('clients', clients, 1, 2 ** 31 - 1);
  checkWhole('rounds', rounds, 1, Number.MAX_SAFE_INTEGER);
  const resolved: ResolvedOptions = {
    clients,
    rounds,
    schedule,
    firstRound: options.firstRound ?? 0,
    firstAttempt: options.firstAttempt ?? 0,
    evaluateEvery: options.evaluateEvery ?? 1,
    minimumClients: options.minimumClients ?? clients,
    evaluateOnClients: options.evaluateOnClients ?? true,
    evaluateOnServer: options.evaluateOnServer ?? false,
    evaluateAfterSettlement: options.evaluateAfterSettlement ?? false,
    evaluationDeadlineMs: options.evaluationDeadlineMs ?? null,
    graceMs: options.graceMs ?? null,
    waitForClientsMs: options.waitForClientsMs ?? null,
    noticeEveryMs: options.noticeEveryMs ?? null,
    voidRoundsMax: options.voidRoundsMax ?? 3,
    quarantineAfter: options.quarantineAfter ?? null,
  };
  // Of a run whose rounds are all decided, the last record may be missing, or the word that it is over.
  checkWhole('firstRound', resolved.firstRound, 0, rounds, 'the number of rounds');
  checkWhole('firstAttempt', resolved.firstAttempt, 0, 2 ** 31 - 1);
  checkWhole('evaluateEvery', resolved.evaluateEvery, 0, Number.MAX_SAFE_INTEGER);
  checkWhole('minimumClients', resolved.minimumClients, 1, clients, 'the number of clients');
  checkWhole('voidRoundsMax', resolved.voidRoundsMax, 1, Number.MAX_SAFE_INTEGER);
  if (resolved.quarantineAfter !== null) {
    checkWhole('quarantineAfter', resolved.quarantineAfter, 1, Number.MAX_SAFE_INTEGER);
  }
  checkDelay('evaluationDeadlineMs', resolved.evaluationDeadlineMs, 1);
  checkDelay('graceMs', resolved.graceMs, 0);
  checkDelay('waitForClientsMs', resolved.waitForClientsMs, 1);
  checkDelay('noticeEveryMs', resolved.noticeEveryMs, 1);
  schedule.check(resolved);
  return Object.freeze(resolved);
}

/**
 * @param bound what the maximum is, for the text
 * @throws FedloomError `coordinator.options`
 */
export function checkWhole(option: string, value: number, minimum: number, maximum: number, bound?: string): void {
  if (Number.isSafeInteger(value) && value >= minimum && value <= maximum) return;
  const why = bound === undefined ? '' : ` (${bound})`;
  throw new FedloomError(
    'coordinator.options',
    `${option} is ${value}; it must be a whole number from ${minimum} to ${maximum}${why}.`,
    { option, value, minimum, maximum },
  );
}

/** Milliseconds, or null. @throws FedloomError `coordinator.options` */
export function checkDelay(option: string, value: number | null, minimum: number): void {
  if (value !== null) checkWhole(option, value, minimum, DELAY_MS_MAX);
}
