import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine/base';
import type { Target } from './requests.js';

const NAME = /^[A-Za-z_]\w*$/;

/**
 * What `f.py:Name` or `package.module:Name` means.
 * @param option whose value it is, for messages
 * @param folders where a relative file may lie; the first one in which it does counts
 * @throws FedloomError `python.option`
 */
export function parseTarget(text: unknown, option: string, folders: readonly string[]): Target {
  const at = typeof text === 'string' ? text.lastIndexOf(':') : -1;
  const [place, name] = [String(text).slice(0, at), String(text).slice(at + 1)];
  if (at < 1 || !NAME.test(name)) {
    const message = `pythonTrainer: ${option} is ${JSON.stringify(text)}; it must be FILE:NAME or MODULE:NAME, such as 'f.py:MyTrainer'.`;
    throw new FedloomError('python.option', message, { option });
  }
  return { place: place.endsWith('.py') ? foundIn(place, folders) : place, name };
}

/** A file's path in the first folder that has it; in the first one of all where none has. */
export function foundIn(file: string, folders: readonly string[]): string {
  if (isAbsolute(file)) return file;
  const paths = folders.map((folder) => resolve(folder, file));
  return paths.find((path) => existsSync(path)) ?? resolve(folders[0] ?? '.', file);
}

/** `{rank}`, from 1, and `{index}`, from 0, of a client in a path; a server has -1 and 0. */
export function pathFor(template: string, index: number): string {
  return template.replaceAll('{rank}', String(index + 1)).replaceAll('{index}', String(index));
}
