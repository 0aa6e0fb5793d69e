import { readFileSync, statSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import * as engine from '@fedloom/engine';
import { FedloomError } from '@fedloom/engine';
import type { Hash } from '../core/brands.js';
import { didYouMean } from '../core/closest.js';
import * as fedloom from '../index.js';
import { isTask } from '../task/define-task.js';
import type { Task } from '../task/task.js';
import { taskInFolder } from '../task/task-in-folder.js';
import { findTaskFile } from './find-task-file.js';
import { codeFrame, columnOf, formatPosition, type SourcePosition, sourceLine, userFrame } from './source-position.js';
import { hashOfFiles, type TaskFiles, taskFiles, withPythonFiles } from './task-files.js';
import { makeLoader } from './transform.js';

export interface LoadedTask {
  readonly task: Task;
  /** Absolute. */
  readonly file: string;
  /** It and the local files that it imports. */
  readonly files: TaskFiles;
  /** Of these, as `sha256:<hex>`: of one file that of its bytes. */
  readonly hash: Hash;
}

/**
 * Loads a task module, TypeScript or JavaScript, from anywhere on disk, without a build step. Whatever it imports as
 * `fedloom` or `@fedloom/engine` is this installation, so that there is one instance of each.
 * @throws FedloomError `task.not-found`, `task.load` with file, line and column, `task.no-default`, `task.not-a-task`
 */
export async function loadTask(path: string): Promise<LoadedTask> {
  const file = findTaskFile(path);
  const jiti = makeLoader({ fedloom, '@fedloom/engine': engine });
  // Before it is loaded: who changes a file meanwhile is told when the run is resumed.
  const files = taskFiles(file, (path, importer) => resolvedIn(jiti, path, importer));
  let module: { readonly default?: unknown };
  try {
    module = await jiti.import(file);
  } catch (error) {
    throw loadError(file, error);
  }
  const name = relative(process.cwd(), file);
  if (!('default' in module) || module.default === undefined) {
    const message = `${name} has no default export. End it with \`export default defineTask({ ... })\`.`;
    throw new FedloomError('task.no-default', message, { file });
  }
  if (!isTask(module.default)) {
    const message = `The default export of ${name} is no task. Make it one: \`export default defineTask({ ... })\`.`;
    throw new FedloomError('task.not-a-task', message, { file });
  }
  const folder = dirname(file);
  const task = taskInFolder(module.default, folder);
  const code = task.kind === 'trainer' ? (task.trainer.files?.(folder) ?? []) : [];
  const all = withPythonFiles(files, code, folder);
  return { task, file, files: all, hash: hashOfFiles(all) };
}

/** The file that a path means where it is imported; undefined where the loader will not find it either. */
function resolvedIn(jiti: ReturnType<typeof makeLoader>, path: string, importer: string): string | undefined {
  const found = jiti.esmResolve(path, { parentURL: pathToFileURL(importer).href, try: true });
  if (found === undefined) return undefined;
  const file = found.startsWith('file:') ? fileURLToPath(found) : found;
  return isFile(file) ? file : undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** An error while loading, with the place in the user's file where it can be mended. */
function loadError(file: string, cause: unknown): FedloomError {
  const { what, position } = syntaxError(cause) ?? missingModule(cause) ?? thrown(cause);
  const place = position ?? { file, line: 1, column: 1 };
  const at = position === undefined ? relative(process.cwd(), file) : formatPosition(place);
  const frame = position === undefined ? '' : `\n${codeFrame(place)}`;
  return new FedloomError('task.load', `${at}: ${what}${frame}`, { ...place, what }, { cause });
}

interface Explained {
  readonly what: string;
  readonly position: SourcePosition | undefined;
}

function syntaxError(cause: unknown): Explained | undefined {
  const match = cause instanceof Error ? /^ParseError: (.+?)\s*\n\s*(.+):(\d+):(\d+)\s*$/s.exec(cause.message) : null;
  const [, what = '', file = '', line, column] = match ?? [];
  if (match === null) return undefined;
  // The parser counts columns from 0.
  return { what: `syntax error: ${what}`, position: { file, line: Number(line), column: Number(column) + 1 } };
}

function missingModule(cause: unknown): Explained | undefined {
  if (!(cause instanceof Error) || !('code' in cause)) return undefined;
  if (cause.code !== 'MODULE_NOT_FOUND' && cause.code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const what = cause.message.split('\n')[0] as string;
  const wanted = /'([^']+)'/.exec(what)?.[1];
  const file = 'requireStack' in cause ? (cause.requireStack as string[])[0] : undefined;
  if (wanted === undefined || file === undefined) return { what, position: undefined };
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  const line = lines.findIndex((text) => text.includes(wanted)) + 1;
  const column = (lines[line - 1]?.indexOf(wanted) ?? 0) + 1;
  const relativePath = /^[./]/.test(wanted);
  const advice = relativePath ? 'Check the path.' : `If it is a package, install it: \`npm install ${wanted}\`.`;
  return { what: `cannot find '${wanted}'. ${advice}`, position: line === 0 ? undefined : { file, line, column } };
}

function thrown(cause: unknown): Explained {
  if (!(cause instanceof Error))
    return { what: `threw ${typeof cause === 'string' ? cause : inspect(cause)}`, position: undefined };
  const frame = userFrame(cause.stack ?? '');
  const notExported = /\(0 ?, ?_fedloom\w*\.(\w+)\) is not a /.exec(cause.message)?.[1];
  if (frame !== undefined && notExported !== undefined && !(notExported in fedloom)) {
    const column = Math.max(0, sourceLine(frame.file, frame.line)?.indexOf(notExported) ?? 0) + 1;
    const what = `fedloom exports no '${notExported}'.${didYouMean(notExported, Object.keys(fedloom))}`;
    return { what, position: { ...frame, column } };
  }
  const what = cause instanceof FedloomError ? cause.message : `${cause.name}: ${cause.message}`;
  return { what, position: frame && { ...frame, column: columnOf(frame) } };
}
