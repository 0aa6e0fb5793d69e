import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { FedloomError } from '@fedloom/engine/base';
import { isGone, type ProcessIdentity, thisProcess } from '../../core/node/process-identity.js';
import { storageError } from '../../core/node/storage-error.js';

/** What a lock file says. */
interface Holder extends ProcessIdentity {
  /** ISO 8601. */
  readonly since: string;
  /** Tells this lock from all others. */
  readonly token: string;
}

export interface Lock {
  /** Gives it up; only if it is still ours. */
  release(): Promise<void>;
}

/** A lock file gets its name when it is whole: one that is not has been through a loss of power, and nobody holds it. */
const UNREADABLE: Holder = {
  pid: 0,
  host: hostname(),
  boot: '',
  since: new Date(0).toISOString(),
  token: 'unreadable',
};

/** Rounds of taking over what others take over at the same time. */
const TRIES_MAX = 20;

/**
 * Makes this process the only one that holds `path`, a file that says who it is. The lock of a process that is gone is taken
 * over: also after the machine was started anew, and when its number belongs to another process now.
 * @throws FedloomError `journal.locked` with the process that holds it, `store.*`
 */
export async function acquireLock(path: string): Promise<Lock> {
  const holder: Holder = { ...thisProcess(), since: new Date().toISOString(), token: randomBytes(8).toString('hex') };
  try {
    await acquire(path, holder);
  } catch (error) {
    throw storageError(error, 'lock', path);
  }
  return {
    async release() {
      if ((await readHolder(path))?.token === holder.token) await rm(path, { force: true }).catch(() => {});
    },
  };
}

/**
 * Whoever finds a dead holder must first hold the right to replace this one, which is a lock as well, named by the dead
 * one's token; and see that it is still there. So of two that find it at the same time only one gets it.
 */
async function acquire(path: string, holder: Holder): Promise<void> {
  let last = holder;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (await createWhole(path, holder)) return;
    const found = await readHolder(path);
    if (found === undefined) continue;
    last = found;
    if (!isGone(found, Date.parse(found.since))) throw lockedError(path, found);
    const right = `${path}.${found.token}`;
    await acquire(right, holder);
    try {
      if ((await readHolder(path))?.token === found.token) {
        await replaceWhole(path, holder);
        return;
      }
    } finally {
      await rm(right, { force: true });
    }
  }
  throw lockedError(path, last);
}

/** Creates the file with all of its bytes; false when there is one already. */
async function createWhole(path: string, holder: Holder): Promise<boolean> {
  const temporary = await writeTemporary(path, holder);
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function replaceWhole(path: string, holder: Holder): Promise<void> {
  await rename(await writeTemporary(path, holder), path);
}

async function writeTemporary(path: string, holder: Holder): Promise<string> {
  const temporary = `${path}.${holder.token}.tmp`;
  await writeFile(temporary, `${JSON.stringify(holder)}\n`);
  return temporary;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return UNREADABLE;
  }
}

function lockedError(path: string, { pid, host, since }: Holder): FedloomError {
  return new FedloomError(
    'journal.locked',
    `The run is still going on: process ${pid} on ${host} has held it since ${since}. End that process first. ` +
      `If you are sure that it is gone, for instance because ${host} is no more, delete ${path}.`,
    { path, pid, host, since },
  );
}
