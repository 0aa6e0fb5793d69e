import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { optimizingAsUsual } from '../compute/node/optimizing.js';
import { cacheFolder } from '../core/node/cache-folder.js';
import { readCache, writeCache } from './cache-file.js';

/** Packages that we load as they are, beside our own bundled files; a program that has one of them finds its own cached, too. */
const PACKAGES =
  /[\\/]node_modules[\\/](?:jiti[\\/]dist[\\/]jiti\.cjs|onnxruntime-common[\\/]|onnxruntime-node[\\/]|piscina[\\/]|ws[\\/])/;
/** Node 20's V8 forgets how to import for code that it takes from a cache, so that such files are left to Node. */
export const IMPORTS = /(?<![.\w$]|async )import\s*\((?!\))/;

export interface CompileCache {
  /** Writes down what was compiled, if the cache did not have all of it. Never throws. */
  save(): void;
}

const NOTHING_TO_SAVE: CompileCache = { save: () => {} };

/**
 * Lets this thread take the compiled code of CommonJS modules from the user's cache folder: to parse and compile them took a
 * tenth of a run of two seconds. Node 22 has this built in and is asked for it; for Node 20 it is done here. As there, the
 * environment variable NODE_DISABLE_COMPILE_CACHE turns it off.
 *
 * @param kind what the thread is for: of each kind the cache has those functions that ran
 * @param ours the folder of our own bundled files
 */
export function useCompileCache(kind: string, ours: string): CompileCache {
  const { NODE_DISABLE_COMPILE_CACHE: disabled } = process.env;
  const folder = disabled === undefined ? cacheFolder('compiled') : undefined;
  if (folder === undefined) return NOTHING_TO_SAVE;
  const { enableCompileCache } = Module as { readonly enableCompileCache?: (folder: string) => unknown };
  if (enableCompileCache !== undefined) {
    enableCompileCache(folder);
    return NOTHING_TO_SAVE;
  }
  // Node 21 has no checksums. Source maps are for those who look for a fault, and who can wait.
  if (typeof crc32 !== 'function' || sourceMapsEnabled()) return NOTHING_TO_SAVE;
  // Of this installation, and of this V8 with these flags: there may be others.
  const mark = [crc32(ours), optimizingAsUsual(cachedDataVersionTag)].map((number) => number.toString(16)).join('-');
  const place = join(folder, `${kind}-${mark}`);
  const known = readCache(place);
  const compiled: { readonly file: string; readonly source: number; readonly script: Script }[] = [];
  let missed = false;
  compileWith(
    (content, file) => {
      const source = crc32(content);
      const found = known.get(file);
      const script = compileModule(content, file, found?.source === source ? found.code : undefined);
      if (script.cachedDataRejected !== false) missed = true;
      compiled.push({ file, source, script });
      return script;
    },
    (content, file) => (dirname(file) === ours || PACKAGES.test(file)) && !IMPORTS.test(content),
  );
  return {
    save() {
      if (!missed) return;
      const codeOf = (script: Script) => optimizingAsUsual(() => script.createCachedData());
      writeCache(
        place,
        compiled.map(({ file, source, script }) => ({ file, source, code: codeOf(script) })),
      );
    },
  };
}

function sourceMapsEnabled(): boolean {
  return (process as { readonly sourceMapsEnabled?: boolean }).sourceMapsEnabled === true;
}

function compileModule(content: string, filename: string, cachedData: Buffer | undefined): Script {
  return optimizingAsUsual(
    () =>
      new Script(Module.wrap(content), {
        filename,
        // What the wrapper puts before the first line.
        columnOffset: -Module.wrap('').indexOf('\n'),
        ...(cachedData && { cachedData }),
      }),
  );
}

interface CompilableModule {
  readonly exports: unknown;
  _compile(content: string, file: string, format?: string): unknown;
}

/** Compiles the wanted files with `compile`; the others as before. */
function compileWith(
  compile: (content: string, file: string) => Script,
  wanted: (content: string, file: string) => boolean,
): void {
  const prototype = Module.prototype as unknown as CompilableModule;
  const before = prototype._compile;
  prototype._compile = function (this: CompilableModule, content, file, format) {
    if ((format !== undefined && format !== 'commonjs') || !wanted(content, file)) {
      return before.call(this, content, file, format);
    }
    const run = compile(content, file).runInThisContext() as (...parameters: unknown[]) => unknown;
    return run.call(this.exports, this.exports, createRequire(file), this, file, dirname(file));
  };
}
