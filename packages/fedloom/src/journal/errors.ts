import { FedloomError } from '@fedloom/engine/base';

/** What is wrong with a journal, and what it still holds. */
export interface Damage {
  /** The journal's folder. */
  readonly place: string;
  /** The damaged entry of the log, counted from 0, and where it begins; or the damaged blob. */
  readonly where: { readonly entry: number; readonly offset: number } | { readonly blob: string };
  /** Rounds that the log tells before the damage. */
  readonly roundsBefore: number;
  /** Whole entries behind the damage. */
  readonly entriesAfter: number;
  /** The newest version of the model whose blobs are whole. */
  readonly saved?: { readonly version: number; readonly round: number; readonly blobs: readonly string[] };
  /** False: nobody looked for one. Default true. */
  readonly sought?: boolean;
}

/** What was written is not what is there: a fault of the disk, or somebody's hand. A torn last write is no damage. */
export function corruptError({ place, where, roundsBefore, entriesAfter, saved, sought = true }: Damage): FedloomError {
  const what =
    'blob' in where
      ? `The journal in ${place} is damaged: ${where.blob} is not there, or its bytes are not those of its name.`
      : `The journal in ${place} is damaged: entry ${where.entry} of journal.log, at byte ${where.offset}, is not what was written. ` +
        `${roundsBefore} rounds before it and ${entriesAfter} entries after it are whole.`;
  const rescue = !sought
    ? 'What follows it cannot be replayed.'
    : saved === undefined
      ? 'No version of the model can be saved from it.'
      : `The newest model that is whole is version ${saved.version}, after ${saved.round + 1} rounds: ${saved.blobs.join(', ')}.`;
  const advice = !sought
    ? 'Restore the folder from a copy; fedloom resume says which model can be saved.'
    : saved === undefined
      ? 'Restore the folder from a copy, or start the run again.'
      : 'Restore the folder from a copy, or start a new run from that model with --init.';
  const at = 'blob' in where ? { blob: where.blob } : { entry: where.entry, offset: where.offset };
  return new FedloomError('journal.corrupt', `${what} ${rescue} ${advice}`, {
    place,
    ...at,
    roundsBefore,
    entriesAfter,
    ...(saved && { saved }),
  });
}

export function logVersionError(found: number, known: number): FedloomError {
  const newer = found > known;
  return new FedloomError(
    'journal.version',
    `The journal has format ${found}, and this fedloom reads format ${known}. Go on with the ${newer ? 'newer' : 'older'} fedloom ` +
      'that began the run (run.json names it), or start the run again.',
    { found, known },
  );
}

/** An entry that is whole by its sums and says what this version does not know. */
export function unknownRecordError(
  entry: number,
  software: string | undefined,
  issues: readonly string[],
): FedloomError {
  const by = software === undefined ? 'another version' : `fedloom ${software}`;
  return new FedloomError(
    'journal.version',
    `Entry ${entry} of the journal says what this fedloom does not know (${issues.slice(0, 3).join('; ')}). The run was begun by ${by}: go on with that one.`,
    { entry, issues },
  );
}

export function softwareChangedError(run: string, begun: string, now: string): FedloomError {
  return new FedloomError(
    'journal.version',
    `The run ${run} was begun by ${begun}, and this is ${now}, which may come to other results. Go on with the version that began ` +
      'it, to replay it too, or start a new run with --init from its model.',
    { run, begun, now },
  );
}

export function finishedError(run: string, rounds: number, modelHash: string): FedloomError {
  return new FedloomError(
    'journal.finished',
    `The run ${run} has finished all of its ${rounds} rounds: there is nothing to resume. Its model has the hash ${modelHash}. ` +
      'To train it further, start a new run from that model with --init.',
    { run, rounds, modelHash },
  );
}

/** What a run was begun with, and what it is to be resumed with. */
export interface Changed {
  readonly what: 'task' | 'plan';
  readonly name: string;
  readonly begun: string;
  readonly now: string;
  /** Which of its files, in words, where that is known. */
  readonly changes?: readonly string[];
}

export function taskChangedError({ what, name, begun, now, changes = [] }: Changed): FedloomError {
  const whose = what === 'plan' ? 'The training plan' : 'The task';
  const listed = changes.length === 0 ? '' : ` (${changes.join(', ')})`;
  return new FedloomError(
    'journal.task-changed',
    `${whose} of "${name}" is not the one that the run was begun with: its hash was ${begun} and is now ${now}${listed}. ` +
      'Undo the change to the task file, or to what it was started with, or start a new run with --init from its model.',
    { what, name, begun, now, ...(changes.length > 0 && { changes }) },
  );
}

export function optionsChangedError(name: string, begun: unknown, now: unknown): FedloomError {
  const [was, is] = [JSON.stringify(begun) ?? 'unset', JSON.stringify(now)];
  return new FedloomError(
    'journal.task-changed',
    `The run was begun with ${name} ${was}, and is to be resumed with ${is}. Leave it out: a resumed run takes its settings from its journal.`,
    { what: name, begun, now },
  );
}

export function noJournalError(place: string, purpose: 'resumed' | 'replayed' = 'resumed'): FedloomError {
  return new FedloomError(
    'journal.none',
    `There is no journal in ${place}, so that the run cannot be ${purpose}: it ended before its first record was on disk, or it kept none. Start it again.`,
    { place },
  );
}

export function inUseError(place: string): FedloomError {
  return new FedloomError(
    'journal.in-use',
    `There is a journal in ${place} already. Resume its run, or choose another folder for the new one.`,
    { place },
  );
}
