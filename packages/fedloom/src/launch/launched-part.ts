import { FedloomError } from '@fedloom/engine/base';
import { NO_FOLDER, NO_PRIVATE_FOLDER, type PrivateFile } from './attendant.js';
import type { PartEnd, Place } from './part.js';
import { SSH_ADVICE, sshFailure } from './ssh.js';

/** A process of a run that is launched: the server, which is rank 0, or clients, each of rank index + 1. */
export interface LaunchedPart {
  readonly place: Place;
  /** Ascending. */
  readonly ranks: readonly number[];
  /** As a shell reads it. */
  readonly command: string;
  readonly privateFiles?: readonly PrivateFile[];
}

/** Ssh's own exit code. */
const SSH_FAILED = 255;
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** `rank 0 on HeadNode`, `ranks 1, 5 and 9 on ComputeNode1`; of many ranks the first and how many. */
export function nameOfPart({ ranks, place }: Pick<LaunchedPart, 'ranks' | 'place'>): string {
  const { name } = place.host;
  if (ranks.length === 1) return `rank ${ranks[0]} on ${name}`;
  if (ranks.length > 4) return `ranks ${ranks[0]}, ${ranks[1]} ... ${ranks.at(-1)} (${ranks.length}) on ${name}`;
  return `ranks ${ranks.slice(0, -1).join(', ')} and ${ranks.at(-1)} on ${name}`;
}

/** What went wrong with a part that ended when it should not, with its last lines, and how to mend it. */
export function partFailure(part: LaunchedPart, end: PartEnd): FedloomError {
  return failureOf(capitalized(nameOfPart(part)), part.place, end, part.ranks);
}

/**
 * The same of any command.
 * @param who ended: `Rank 0 on HeadNode`
 */
export function failureOf(
  who: string,
  place: Place,
  { code, how, lines }: PartEnd,
  ranks: readonly number[] = [],
): FedloomError {
  const fields = { host: place.host.name, ranks, how, lines };
  if (place.ssh !== undefined && code === SSH_FAILED) {
    const failure = sshFailure(lines);
    const message = `${who}: ssh ended with ${how}.${said(lines)}\n${SSH_ADVICE[failure]}`;
    return new FedloomError('launch.ssh', message, { ...fields, failure });
  }
  if (code === NO_FOLDER) {
    const message = `${who}: there is no folder ${place.folder} there. Give the one that holds the task with --cwd.`;
    return new FedloomError('launch.part-failed', message, fields);
  }
  if (code === NO_PRIVATE_FOLDER) {
    const message = `${who}: there is no place there for its certificate and its token: neither $XDG_RUNTIME_DIR nor $TMPDIR nor /tmp can be written to.`;
    return new FedloomError('launch.part-failed', message, fields);
  }
  const advice =
    code === NOT_FOUND || code === NOT_EXECUTABLE
      ? '\nSay how fedloom is called there with --command; `npx fedloom doctor` checks all hosts.'
      : '';
  return new FedloomError('launch.part-failed', `${who} ended with ${how}.${said(lines)}${advice}`, fields);
}

export function said(lines: readonly string[]): string {
  return lines.map((line) => `\n  ${line}`).join('');
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
