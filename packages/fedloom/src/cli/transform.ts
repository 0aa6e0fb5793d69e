import { createRequire } from 'node:module';
import type { createJiti } from 'jiti';
import { cacheFolder } from './cache-folder.js';

type Jiti = ReturnType<typeof createJiti>;

/** What loads task files. `modules`: what they import by these names is this installation's, so that there is one of each. */
export function makeLoader(modules: Readonly<Record<string, unknown>>): Jiti {
  // By `require`: as an ES module it loads 30 ms later, since its names are looked for in its code first.
  const jiti: { readonly createJiti: typeof createJiti } = createRequire(import.meta.url)('jiti');
  return jiti.createJiti(import.meta.url, {
    virtualModules: { ...modules },
    interopDefault: false,
    // Saves loading the compiler (140 ms) when a file has not changed.
    fsCache: cacheFolder('tasks') ?? false,
    moduleCache: false,
  });
}

/** A task file's text as it is run: without types, its imports and exports rewritten, line by line. */
export function transformed(source: string, filename: string): string {
  return makeLoader({}).transform({ source, filename, ts: true, async: true });
}
