import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { threadsAhead } from './threads-ahead.js';

/** Any file will do: it is only looked for. */
const task = fileURLToPath(import.meta.url);

describe('threadsAhead', () => {
  it.each([
    ['another command', ['server', task]],
    ['no task', ['run']],
    ['a task file that is not there', ['run', `${task}.missing`]],
    ['help', ['run', task, '--help']],
    ['a number of threads', ['run', task, '10', '5', '3', '--workers', '1']],
    ['a number of threads behind =', ['run', task, '--workers=1']],
    ['processes', ['run', task, '--processes']],
    ['a number of processes', ['run', task, '--processes=2']],
  ])('starts none for %s', (_, args) => {
    expect(threadsAhead(args)).toBeUndefined();
  });

  it('starts them for a plain run', async () => {
    const threads = threadsAhead(['run', task, '10', '5', '3', '--seed', '1', '--json']);
    expect(threads).toBeDefined();
    await threads?.close();
  });
});
