// Bundles each package into a few files, after tsc: a command that loads 300 modules takes 0.4 s longer to start than one
// that loads ten, and so does each worker thread in its turn. What tsc wrote beside it are the types and what tests run.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folderOf = (name) => fileURLToPath(new URL(`../packages/${name}`, import.meta.url));

/** One module per entry, and what entries share in chunks, so that a process has each module once. */
async function bundle(name, entries, options) {
  const folder = folderOf(name);
  const outdir = `${folder}/dist/bundle`;
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: entries,
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'node20',
    // Parsing is a good part of what loading takes; names stay, for stack traces and error classes.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    ...options,
  });
  return { folder, outdir, inputs: Object.keys(metafile.inputs) };
}

await bundle(
  'engine',
  { index: 'dist/index.js', base: 'dist/base.js', run: 'dist/run.js', node: 'dist/node/index.js' },
  { platform: 'neutral', packages: 'external' },
);

const { folder, outdir, inputs } = await bundle(
  'fedloom',
  { index: 'dist/index.js', main: 'dist/cli/main.js', 'plan-worker': 'dist/client/node/plan-worker.js' },
  {
    platform: 'node',
    // The engine is a package of its own; the others find files beside their own, or are loaded only where they are used.
    external: ['@fedloom/engine', 'piscina', 'jiti', 'ws', 'log-update', 'asciichart'],
    // Bundled CommonJS modules load Node's own by `require`.
    banner: { js: "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);" },
  },
);
writeFileSync(`${outdir}/THIRD-PARTY-LICENSES.txt`, licensesOf(folder, inputs));

/** Whoever passes code on passes its licence on. */
function licensesOf(from, files) {
  const packages = new Set(files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
  const texts = [...packages].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(`${from}/${path}/package.json`, 'utf8'));
    const file = ['LICENSE', 'LICENSE.md', 'license'].find((one) => canRead(`${from}/${path}/${one}`));
    if (file === undefined) throw new Error(`${name} has no licence file: it cannot be bundled`);
    return `${name} ${version} (${license})\n\n${readFileSync(`${from}/${path}/${file}`, 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

function canRead(path) {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}
