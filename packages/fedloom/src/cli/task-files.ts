import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { type Hash, hashFrom } from '../core/brands.js';
import { sha256 } from '../core/node/sha256.js';

/** A task's own files by their paths from the task file's folder, `/` between: SHA-256 of each as `sha256:<hex>`. */
export type TaskFiles = Readonly<Record<string, string>>;

/** `from './a'`, `import './a'`, `import('./a')`, `require('./a')`, and the same in comments, which costs nothing but a file more. */
const RELATIVE_IMPORT = /\b(?:from|import|require)\s*\(?\s*(['"`])(\.{1,2}\/[^'"`\n]+)\1/g;

/** `import a, b.c` and `from a import b`, with the dots of what is relative. */
const PYTHON_IMPORT = /^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import|import[ \t]+([\w. \t,]+))/gm;

/**
 * The task file, the local files that it imports by their paths, those that these import, and so on. A path that is put
 * together when the code runs is not seen, nor what is read as data.
 * @param resolve the file that a path means in a file; undefined: none
 */
export function taskFiles(file: string, resolve: (path: string, importer: string) => string | undefined): TaskFiles {
  const hashes = new Map<string, string>();
  const waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (hashes.has(next)) continue;
    const bytes = readFileSync(next);
    hashes.set(next, sha256(bytes));
    if (next.endsWith('.json')) continue;
    for (const [, , path = ''] of bytes.toString().matchAll(RELATIVE_IMPORT)) {
      const imported = resolve(path, next);
      if (imported !== undefined) waiting.push(imported);
    }
  }
  const named = [...hashes].map(([path, hash]): [string, string] => [pathFrom(dirname(file), path), hash]);
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * As `taskFiles`, with code in Python that a task names: those of the files that are there, and the modules beside them which they import.
 * @param files paths
 * @param folder of the task file
 */
export function withPythonFiles(own: TaskFiles, files: readonly string[], folder: string): TaskFiles {
  const hashes = new Map<string, string>();
  const waiting = [...files];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (hashes.has(next) || !existsSync(next)) continue;
    const bytes = readFileSync(next);
    hashes.set(next, sha256(bytes));
    for (const [, from, several = ''] of bytes.toString().matchAll(PYTHON_IMPORT)) {
      const names = from === undefined ? several.split(',').map((name) => name.trim().split(/\s/)[0] ?? '') : [from];
      waiting.push(
        ...names.map((name) => join(dirname(next ?? ''), `${name.replace(/^\./, '').replaceAll('.', '/')}.py`)),
      );
    }
  }
  const named = [...hashes].map(([path, hash]): [string, string] => [pathFrom(folder, path), hash]);
  return Object.fromEntries([...Object.entries(own), ...named].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Of one file its own hash, of several that of their list. */
export function hashOfFiles(files: TaskFiles): Hash {
  const [only, ...others] = Object.values(files);
  if (only !== undefined && others.length === 0) return hashFrom(only);
  return sha256(new TextEncoder().encode(JSON.stringify(files)));
}

/** What differs, in words: `parts/name.ts changed`, `new.ts is new`, `old.ts is gone`. */
export function changesOf(begun: TaskFiles, now: TaskFiles): readonly string[] {
  const paths = [...new Set([...Object.keys(begun), ...Object.keys(now)])].sort();
  return paths.flatMap((path) => {
    const [before, after] = [begun[path], now[path]];
    if (before === after) return [];
    if (after === undefined) return [`${path} is gone`];
    return [before === undefined ? `${path} is new` : `${path} changed`];
  });
}

function pathFrom(folder: string, path: string): string {
  return relative(folder, path).split(sep).join('/');
}
