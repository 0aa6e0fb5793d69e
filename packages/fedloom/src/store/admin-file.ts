import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import * as z from 'zod';

/** Where the operators of a run are answered, and what they must know. */
export interface AdminPlace {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
}

/** Of admins: only whoever owns the run folder may read it. */
const ADMIN_FILE = 'admin.json';
/** Of observers: also whoever is of the folder's group. */
const OBSERVER_FILE = 'observer.json';
const schema = z.object({ url: z.string(), token: z.string(), pid: z.int() });

export async function writeAdminFiles(
  folder: string,
  { url, pid, token, observerToken }: AdminPlace & { readonly observerToken: string },
): Promise<void> {
  await write(join(folder, ADMIN_FILE), { url, token, pid }, 0o600);
  await write(join(folder, OBSERVER_FILE), { url, token: observerToken, pid }, 0o640);
}

async function write(path: string, place: AdminPlace, mode: number): Promise<void> {
  // A file that is there keeps its mode.
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(place)}\n`, { mode, flag: 'wx' });
}

export async function removeAdminFiles(folder: string): Promise<void> {
  for (const file of [ADMIN_FILE, OBSERVER_FILE]) await rm(join(folder, file), { force: true });
}

/**
 * As an admin, where this process may read that, else as an observer.
 * @throws FedloomError `admin.absent` where no server of the run goes on that has such endpoints
 */
export async function readAdminFile(folder: string, run: string): Promise<AdminPlace> {
  const path = join(folder, ADMIN_FILE);
  try {
    return await read(path).catch((cause: unknown) =>
      read(join(folder, OBSERVER_FILE)).catch(() => Promise.reject(cause)),
    );
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EACCES' ? `${path} is not yours to read` : `there is no ${path}`;
    const message = `The run ${run} cannot be reached: ${why}. Only servers that are running are looked at and steered, on their own host.`;
    throw new FedloomError('admin.absent', message, { run }, { cause });
  }
}

async function read(path: string): Promise<AdminPlace> {
  return schema.parse(JSON.parse(await readFile(path, 'utf8')));
}
