/** What a round decided as the journal keeps it, and back. */
import { FedloomError } from '@fedloom/engine';
import type { Results } from '../../core/records.js';
import type { Json, RoundDecided } from '../../journal/record.js';
import type { WrittenDecision } from '../schedule/resume.js';
import type { Ongoing, RoundDecision } from '../schedule/types.js';
import type { VirtualAsk, VirtualTime } from '../schedule/virtual-clock.js';

/**
 * @param time where the virtual clock stands, if there is one
 * @param serverResults the evaluation of the candidate; null: none
 */
export function roundRecord(
  decision: RoundDecision,
  serverResults: Results | null,
  time?: VirtualTime,
): Omit<RoundDecided, 'kind'> {
  const { round, counted, uncounted, replaced, started, position, voided } = decision;
  const codes = new Map(uncounted.map(({ client, code }) => [client, code]));
  const schedule = {
    position,
    started: started.map(({ client, base, task, attempt }) => [client, base, task, attempt]),
    ...(time && { now: time.now, due: time.asks.map(({ client, task, dueAt }) => [client, task, dueAt]) }),
  };
  return {
    round,
    outcome: voided === null ? 'counted' : 'void',
    ...(voided !== null && { reason: voided }),
    counted,
    refused: uncounted.flatMap(({ client, task, attempt, code }) => {
      return attempt === null ? [] : [{ client, task, attempt, code }];
    }),
    replaced: replaced.map(({ client, by }) => ({ client, by, code: codes.get(client) ?? 'client.replaced' })),
    serverResults,
    schedule,
  };
}

/**
 * What `resumePoint` needs of a round.
 * @throws FedloomError `journal.schedule` when the schedule's part is not what `roundRecord` writes
 */
export function decisionOf(record: Omit<RoundDecided, 'kind'>): WrittenDecision {
  const { round, counted, refused, outcome, reason } = record;
  const started = rows(record, 'started', 4).map(
    ([client = 0, base = 0, task = 0, attempt = 0]): Ongoing => ({ client, base, task, attempt }),
  );
  const position = field(record, 'position');
  if (typeof position !== 'number') throw notOurs(record, 'position');
  return {
    round,
    counted,
    uncounted: refused.map((one) => ({ ...one, message: `not counted: ${one.code}` })),
    started,
    position,
    voided: outcome === 'void' ? (reason ?? { code: 'round.void', message: 'The round was void.' }) : null,
  };
}

/**
 * Where the virtual clock stood; undefined: the run had none.
 * @throws FedloomError `journal.schedule`
 */
export function virtualTimeOf(record: Omit<RoundDecided, 'kind'>): VirtualTime | undefined {
  const now = field(record, 'now');
  if (now === undefined) return undefined;
  if (typeof now !== 'number') throw notOurs(record, 'now');
  const asks = rows(record, 'due', 3).map(([client = 0, task = 0, dueAt = 0]): VirtualAsk => ({ client, task, dueAt }));
  return { now, asks };
}

function field({ schedule }: Omit<RoundDecided, 'kind'>, name: string): Json | undefined {
  const isObject = typeof schedule === 'object' && schedule !== null && !Array.isArray(schedule);
  return isObject ? (schedule as { readonly [name: string]: Json })[name] : undefined;
}

/** A list of rows of so many numbers. */
function rows(record: Omit<RoundDecided, 'kind'>, name: string, width: number): readonly (readonly number[])[] {
  const value = field(record, name);
  const isRow = (row: unknown): row is readonly number[] =>
    Array.isArray(row) && row.length === width && row.every((entry) => typeof entry === 'number');
  if (Array.isArray(value) && value.every(isRow)) return value;
  throw notOurs(record, name);
}

function notOurs({ round }: Omit<RoundDecided, 'kind'>, name: string): FedloomError {
  return new FedloomError(
    'journal.schedule',
    `The journal's record of round ${round + 1} says nothing of its schedule's '${name}' that could be read: ` +
      'it was written by another version of fedloom. Resume with that version.',
    { round, name },
  );
}
