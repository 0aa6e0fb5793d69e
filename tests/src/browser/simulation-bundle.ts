import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The page of `simulated-page.ts` as a bundler makes it: `fedloom` is what its package gives to pages. Served beside the library's workers. */
export function simulationBundle(): Promise<string> {
  made ??= makeBundle();
  return made;
}

let made: Promise<string> | undefined;

async function makeBundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./simulated-page.js', import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}
