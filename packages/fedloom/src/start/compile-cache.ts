import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { constants, Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { cacheFolder } from '../core/node/cache-folder.js';
import { readCache, writeCache } from './cache-file.js';
import { optimizeAsUsual } from './optimizing.js';

/**
 * Packages whose modules are loaded as they are, beside our own bundled files. No part of a user's program; and not the
 * compiler of task files, which is large and seldom needed.
 */
const PACKAGES =
  /[\\/]node_modules[\\/](?:jiti[\\/](?:lib|dist[\\/]jiti)|onnxruntime-common[\\/]|onnxruntime-node[\\/]|piscina[\\/]|ws[\\/])/;

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
  const folder = process.env.NODE_DISABLE_COMPILE_CACHE === undefined ? cacheFolder('compiled') : undefined;
  if (folder === undefined) return NOTHING_TO_SAVE;
  const { enableCompileCache } = Module as { readonly enableCompileCache?: (folder: string) => unknown };
  if (enableCompileCache !== undefined) {
    enableCompileCache(folder);
    return NOTHING_TO_SAVE;
  }
  // Of this installation: there may be others.
  const place = join(folder, `${kind}-${crc32(ours).toString(16)}`);
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
    (file) => dirname(file) === ours || PACKAGES.test(file),
  );
  return {
    save() {
      if (!missed) return;
      optimizeAsUsual();
      writeCache(
        place,
        compiled.map(({ file, source, script }) => ({ file, source, code: script.createCachedData() })),
      );
    },
  };
}

function compileModule(content: string, filename: string, cachedData: Buffer | undefined): Script {
  return new Script(Module.wrap(content), {
    filename,
    // What the wrapper puts before the first line.
    columnOffset: -Module.wrap('').indexOf('\n'),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData && { cachedData }),
  });
}

interface CompilableModule {
  readonly exports: unknown;
  _compile(content: string, file: string, format?: string): unknown;
}

/** Compiles the wanted files with `compile`; the others as before. */
function compileWith(compile: (content: string, file: string) => Script, wanted: (file: string) => boolean): void {
  const prototype = Module.prototype as unknown as CompilableModule;
  const before = prototype._compile;
  prototype._compile = function (this: CompilableModule, content, file, format) {
    if (!wanted(file) || (format !== undefined && format !== 'commonjs')) {
      return before.call(this, content, file, format);
    }
    const run = compile(content, file).runInThisContext() as (...parameters: unknown[]) => unknown;
    return run.call(this.exports, this.exports, createRequire(file), this, file, dirname(file));
  };
}
