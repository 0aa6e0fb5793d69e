import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { FedloomError } from '@fedloom/engine';
import type { OwnedRange, OwnerBook } from '../run/index-owners.js';

/** Its name in a run's folder. */
export const OWNERS_FILE = 'owners.jsonl';

/**
 * Whose clients are whose in a run, in a file: `owners` of `createServer`. A line of JSON for each range that somebody took:
 * `{"from":0,"count":2,"owner":"hospital-3"}`.
 * @throws FedloomError `auth.file` when it cannot be read or written, or holds something else; then nobody joins
 */
export function ownersFile(path: string): OwnerBook {
  return {
    load: () => {
      const text = failingAs(path, () => readIfThere(path));
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      // A line that was being written when the process died: nobody was told of it.
      if (whole !== text) failingAs(path, () => writeFileSync(path, whole));
      return whole
        .split('\n')
        .slice(0, -1)
        .map((line) => failingAs(path, () => ownedOf(JSON.parse(line))));
    },
    add: (owned) => {
      const lines = owned.map(({ from, count, owner }) => `${JSON.stringify({ from, count, owner })}\n`);
      failingAs(path, () => appendFileSync(path, lines.join(''), { mode: 0o600, flush: true }));
    },
  };
}

function ownedOf(value: unknown): OwnedRange {
  const { from, count, owner } = Object(value) as Record<string, unknown>;
  if (typeof from === 'number' && typeof count === 'number' && typeof owner === 'string') return { from, count, owner };
  throw new Error(`a line holds no owner: ${JSON.stringify(value)}`);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw cause;
  }
}

function failingAs<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FedloomError(
      'auth.file',
      `Whose clients are whose is kept in ${path}, and cannot be: ${why}.`,
      { path },
      { cause },
    );
  }
}
