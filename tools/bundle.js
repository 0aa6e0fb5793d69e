// Bundles each package into a few files, after tsc: a command that loads 300 modules takes 0.4 s longer to start than one
// that loads ten, and so does each worker thread in its turn. What tsc wrote beside it are the types and what tests run.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folderOf = (name) => fileURLToPath(new URL(`../packages/${name}`, import.meta.url));

async function bundle(name, folder, entries, options) {
  const root = folderOf(name);
  const outdir = `${root}/${folder}`;
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir,
    bundle: true,
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
  return { root, outdir, inputs: Object.keys(metafile.inputs) };
}

/** One module per entry, and what entries share in chunks, so that a process has each module once. */
const asModules = { format: 'esm', splitting: true };

await bundle(
  'engine',
  'dist/bundle',
  { index: 'dist/index.js', base: 'dist/base.js', run: 'dist/run.js', node: 'dist/node/index.js' },
  { ...asModules, platform: 'neutral', packages: 'external' },
);

// These find files beside their own, or are loaded only where they are used.
const external = ['onnxruntime-node', 'piscina', 'jiti', 'ws', 'log-update', 'asciichart'];

withLicenses(
  await bundle(
    'fedloom',
    'dist/bundle',
    { index: 'dist/index.js', testing: 'dist/conformance/index.js' },
    {
      ...asModules,
      platform: 'node',
      // The engine is a package of its own.
      external: ['@fedloom/engine', ...external],
      // Bundled CommonJS modules load Node's own by `require`.
      banner: { js: "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);" },
    },
  ),
);

// The command and the worker threads: CommonJS, for the compile cache, and each of one file, engine included.
const command = await bundle(
  'fedloom',
  'dist/command',
  {
    start: 'dist/start/command.js',
    main: 'dist/cli/main.js',
    'plan-worker': 'dist/start/thread.js',
    'plan-work': 'dist/compute/node/plan-worker.js',
  },
  {
    format: 'cjs',
    platform: 'node',
    // It is an ES module: bundled it needs no `import()`, see below.
    external: external.filter((name) => name !== 'log-update'),
    define: { 'import.meta.url': '$url' },
    banner: { js: "const $url=require('node:url').pathToFileURL(__filename).href;" },
  },
);
withLicenses(command);
const { IMPORTS } = await import('../packages/fedloom/dist/start/compile-cache.js');
for (const file of ['main.js', 'plan-work.js']) {
  const text = readFileSync(`${command.outdir}/${file}`, 'utf8');
  const at = text.search(IMPORTS);
  if (at >= 0) throw new Error(`${file} would not be cached, since it imports: ${text.slice(at, at + 80)}`);
}
writeFileSync(`${command.outdir}/package.json`, '{ "type": "commonjs" }\n');
// The library's threads are the command's.
writeFileSync(
  `${folderOf('fedloom')}/dist/bundle/plan-worker.js`,
  "import{createRequire}from'node:module';export default createRequire(import.meta.url)('../command/plan-worker.js').default;\n",
);

function withLicenses({ root, outdir, inputs }) {
  writeFileSync(`${outdir}/THIRD-PARTY-LICENSES.txt`, licensesOf(root, inputs));
}

/** Whoever passes code on passes its licence on. */
function licensesOf(from, files) {
  const packages = new Set(files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
  const texts = [...packages].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(`${from}/${path}/package.json`, 'utf8'));
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license'].find((one) => canRead(`${from}/${path}/${one}`));
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
