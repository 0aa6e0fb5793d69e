import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** TypeScript sources of a folder, as paths from the root with forward slashes, without build output. */
export function sources(folder: string): string[] {
  const found: string[] = [];
  const visit = (dir: string) => {
    for (const entry of readdirSync(dir)) {
      if (entry === 'node_modules' || entry === 'dist') continue;
      const path = join(dir, entry);
      if (statSync(path).isDirectory()) visit(path);
      else if (/\.ts$/.test(entry) && !/\.d\.ts$/.test(entry)) found.push(relative(root, path));
    }
  };
  visit(join(root, folder));
  return found.sort();
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The file it names, from the root; undefined for packages. */
  readonly file: string | undefined;
}

const importPattern = /^(?:import|export)\s+(?:type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)/gms;

export function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(importPattern)].map(([, stated, dynamic]) => {
    const specifier = (stated ?? dynamic) as string;
    const local = specifier.startsWith('.');
    const target = relative(root, resolve(root, dirname(file), specifier)).replace(/\.js$/, '.ts');
    return { specifier, file: local ? target : undefined };
  });
}

export function isTest(file: string): boolean {
  return /\.test\.ts$/.test(file) || file.includes('/testing/');
}
