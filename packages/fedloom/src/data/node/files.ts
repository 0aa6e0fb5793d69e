import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FedloomError } from '@fedloom/engine';

/** A file or folder: a path, or a `file:` URL such as `new URL('patients.csv', import.meta.url)`. */
export type FilePlace = string | URL;

/**
 * The absolute path of a place. A relative one begins in `folder` if it is there, in the working folder otherwise.
 * @param folder of the task file; undefined where there is none
 */
export function pathOf(place: FilePlace, folder: string | undefined): string {
  if (typeof place !== 'string') return fileURLToPath(place);
  if (isAbsolute(place) || folder === undefined) return resolve(place);
  const beside = resolve(folder, place);
  const here = resolve(place);
  return !existsSync(beside) && existsSync(here) ? here : beside;
}

/** A path as messages say it: from the working folder, where it lies within. */
export function shown(path: string): string {
  const here = relative(process.cwd(), path);
  return here === '' || here.startsWith('..') || isAbsolute(here) ? path : here;
}

/** @throws FedloomError `data.file` */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there. Relative paths begin in the folder of the task file, or in the working folder',
  EISDIR: 'it is a folder',
  ENOTDIR: 'it is no folder',
  EACCES: 'permission denied',
};

/** @param cause what the system said */
export function unreadable(path: string, cause: unknown): FedloomError {
  const { code = '', message } = cause as { readonly code?: string; readonly message: string };
  const why = REASONS[code] ?? message;
  return new FedloomError('data.file', `Cannot read ${shown(path)}: ${why}.`, { path }, { cause });
}

/** The text of a file in UTF-8, without the mark that some programs put at its start. @throws FedloomError `data.file` */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FedloomError('data.file', `${shown(path)} is no text in UTF-8. Save it as UTF-8.`, { path }, { cause });
  }
}
