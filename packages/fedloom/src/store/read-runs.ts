import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { storageError } from '../core/node/storage-error.js';
import type { RoundRecord } from '../core/records.js';
import { VERSION } from '../core/version.js';
import { currentStatus, type RunFile, type RunStatus } from './run-file.js';

const FORMAT = 1;

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
 * The run of this name below `root`, or the only one whose name holds `id`, or that in the folder `id`; `latest` is the last
 * that was started.
 * @throws FedloomError `store.unknown-run`, `store.version` for a folder that another version of fedloom wrote
 */
export async function findRun(root: string, id: string): Promise<StoredRun> {
  for (const path of [resolve(root, id), resolve(id)]) {
    const run = await runIn(path);
    if (run !== undefined) return run;
  }
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

/** The rounds of a run as far as they were written. @throws FedloomError `store.*` */
export async function readRounds(path: string): Promise<RoundRecord[]> {
  const file = join(path, 'metrics.jsonl');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw storageError(error, 'read', file);
  });
  // A run that was killed may leave half a line at the end: only what a line break closes is whole.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, index) => recordIn(line, file, index + 1));
}

/** @throws FedloomError `store.damaged` */
function recordIn(line: string, file: string, number: number): RoundRecord {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === 'object' && record !== null && 'round' in record) return record as RoundRecord;
  } catch {
    // Told below.
  }
  const message = `Line ${number} of ${file} is no record of a round: the file was changed, or the disk gives back other bytes. \`fedloom resume\` and \`fedloom run --replay\` write such lines anew from the journal.`;
  throw new FedloomError('store.damaged', message, { path: file, line: number });
}

async function namesIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(error, 'read the runs in', resolve(root));
  }
}

/** What any version writes. */
interface AnyRunFile {
  readonly format: number;
  readonly versions?: { readonly fedloom?: string };
}

async function readRunFile(path: string): Promise<RunFile | undefined> {
  const file = await readAnyRunFile(path);
  return file !== undefined && isOurs(file) ? file : undefined;
}

/**
 * The run in this very folder; undefined where there is none.
 * @throws FedloomError `store.version` where another version of fedloom wrote it
 */
export async function runIn(path: string): Promise<StoredRun | undefined> {
  const file = await readAnyRunFile(path);
  if (file === undefined) return undefined;
  if (isOurs(file)) return { path, file, status: currentStatus(file) };
  const { format, versions: { fedloom = 'that wrote it' } = {} } = file;
  throw new FedloomError(
    'store.version',
    `The run in ${path} has format ${format}, and this fedloom (${VERSION}) reads format ${FORMAT}. Use the fedloom ${fedloom}.`,
    { path, found: format, known: FORMAT },
  );
}

function isOurs(file: AnyRunFile): file is RunFile {
  return file.format === FORMAT;
}

/** Whether it holds what is looked at before anything is asked for: a file that was changed, or half of one, is no run. */
function isWhole(file: AnyRunFile): boolean {
  const { run, startedAt, resumedAt = [], process, task, arguments: given } = file as Partial<RunFile>;
  const isNamed = typeof run === 'string' && typeof startedAt === 'string' && Array.isArray(resumedAt);
  return isNamed && [process, task, given].every(isRecord);
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readAnyRunFile(path: string): Promise<AnyRunFile | undefined> {
  try {
    const file = JSON.parse(await readFile(join(path, 'run.json'), 'utf8')) as AnyRunFile;
    if (typeof file.format !== 'number') return undefined;
    return !isOurs(file) || isWhole(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
