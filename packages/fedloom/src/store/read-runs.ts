import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { storageError } from '../core/node/storage-error.js';
import type { RoundRecord } from '../core/records.js';
import { currentStatus, type RunFile, type RunStatus } from './run-file.js';

/** A run as its folder tells it. */
export interface StoredRun {
  readonly path: string;
  readonly file: RunFile;
  readonly status: RunStatus | 'interrupted';
}

/** The runs below `root`, oldest first; none when there is no such folder. Folders that hold no run are passed over. */
export async function listRuns(root: string): Promise<StoredRun[]> {
  const runs: StoredRun[] = [];
  for (const name of await namesIn(root)) {
    const path = resolve(root, name);
    const file = await readRunFile(path);
    if (file !== undefined) runs.push({ path, file, status: currentStatus(file) });
  }
  return runs.sort((a, b) => a.file.startedAt.localeCompare(b.file.startedAt));
}

/**
 * The run of this name below `root`, or the only one whose name holds `id`; `latest` is the last that was started.
 * @throws FedloomError `store.unknown-run`
 */
export async function findRun(root: string, id: string): Promise<StoredRun> {
  const runs = await listRuns(root);
  const exact = id === 'latest' ? runs.at(-1) : runs.find(({ file }) => file.run === id);
  if (exact !== undefined) return exact;
  const matching = runs.filter(({ file }) => file.run.includes(id));
  const [only] = matching;
  if (matching.length === 1 && only !== undefined) return only;
  const why =
    runs.length === 0
      ? `There are no runs in ${resolve(root)}: start one with \`fedloom run\`, or say with --out where they are.`
      : matching.length === 0
        ? `No run in ${resolve(root)} is called "${id}". \`fedloom runs list\` shows them.`
        : `"${id}" may be any of ${matching.map(({ file }) => file.run).join(', ')}. Write more of the name.`;
  throw new FedloomError('store.unknown-run', why, { id, root });
}

/** The rounds of a run as far as they were written. */
export async function readRounds(path: string): Promise<RoundRecord[]> {
  const text = await readFile(join(path, 'metrics.jsonl'), 'utf8').catch((error: unknown) => {
    throw storageError(error, 'read', join(path, 'metrics.jsonl'));
  });
  // A run that was killed may leave half a line at the end: only what a line break closes is whole.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RoundRecord);
}

async function namesIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, 'read the runs in', resolve(root));
  }
}

async function readRunFile(path: string): Promise<RunFile | undefined> {
  try {
    const file = JSON.parse(await readFile(join(path, 'run.json'), 'utf8')) as RunFile;
    return file.format === 1 ? file : undefined;
  } catch {
    return undefined;
  }
}
