import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import * as z from 'zod';

/** Where the operators of a run are answered, and what they must know. Only whoever owns the run folder may read it. */
export interface AdminPlace {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
}

const ADMIN_FILE = 'admin.json';
const schema = z.object({ url: z.string(), token: z.string(), pid: z.int() });

export async function writeAdminFile(folder: string, place: AdminPlace): Promise<void> {
  const path = join(folder, ADMIN_FILE);
  // A file that is there keeps its mode.
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(place)}\n`, { mode: 0o600, flag: 'wx' });
}

export async function removeAdminFile(folder: string): Promise<void> {
  await rm(join(folder, ADMIN_FILE), { force: true });
}

/** @throws FedloomError `admin.absent` where no server of the run goes on that has such endpoints */
export async function readAdminFile(folder: string, run: string): Promise<AdminPlace> {
  const path = join(folder, ADMIN_FILE);
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EACCES' ? `${path} is not yours to read` : `there is no ${path}`;
    const message = `The run ${run} cannot be reached: ${why}. Only servers that are running are looked at and steered, on their own host.`;
    throw new FedloomError('admin.absent', message, { run }, { cause });
  }
}
