import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { closest } from '../core/closest.js';

const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/**
 * The absolute path of a task file. A folder stands for the `task.ts` or `task.js` in it.
 * @throws FedloomError `task.not-found`, with the file that may be meant; `task.file-type`
 */
export function findTaskFile(path: string): string {
  const file = resolve(path);
  if (!existsSync(file)) {
    const guess = likely(file);
    const advice = guess === undefined ? 'Check the path.' : `Did you mean ${relative(process.cwd(), guess) || guess}?`;
    throw new FedloomError('task.not-found', `There is no task file ${path}. ${advice}`, { path });
  }
  if (statSync(file).isDirectory()) return taskIn(file, path);
  if (EXTENSIONS.some((extension) => file.endsWith(extension))) return file;
  throw new FedloomError(
    'task.file-type',
    `${path} is no TypeScript or JavaScript module: a task file ends in ${EXTENSIONS.join(', ')}.`,
    { path },
  );
}

function taskIn(folder: string, path: string): string {
  const found = EXTENSIONS.map((extension) => join(folder, `task${extension}`)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new FedloomError('task.not-found', `${path} is a folder without a task.ts or task.js. Name the task file.`, {
    path,
  });
}

/** The file that a mistyped path is likeliest to mean: each part that does not exist is replaced by its closest neighbour. */
function likely(file: string): string | undefined {
  const withExtension = EXTENSIONS.map((extension) => file + extension).find((candidate) => existsSync(candidate));
  if (withExtension !== undefined) return withExtension;
  const root = file.slice(0, file.indexOf(sep) + 1);
  let place = root;
  for (const part of file.slice(root.length).split(sep)) {
    const next = join(place, part);
    if (existsSync(next)) {
      place = next;
      continue;
    }
    const guess = closest(part, namesIn(place)) ?? otherExtension(place, part);
    if (guess === undefined) return undefined;
    place = join(place, guess);
  }
  return place;
}

function otherExtension(folder: string, name: string): string | undefined {
  const stem = basename(name).replace(/\.[^.]*$/, '');
  return EXTENSIONS.map((extension) => stem + extension).find((candidate) => existsSync(join(folder, candidate)));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(statSync(folder).isDirectory() ? folder : dirname(folder));
  } catch {
    return [];
  }
}
