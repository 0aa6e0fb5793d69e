// Bundles the command, its worker threads and its worker processes into a file each, after tsc: 300 modules take 0.4 s longer to load than one,
// and each thread loads its part anew. Names, lines and comments stay, for who reads a stack trace. The library is what tsc
// wrote.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../packages/fedloom', import.meta.url));
const outdir = `${root}/dist/command`;

rmSync(outdir, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'dist/cli/main.js',
    'plan-worker': 'dist/compute/node/plan-worker.js',
    'plan-child': 'dist/compute/node/plan-child.js',
  },
  outdir,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Loads faster than an ES module whose imports are CommonJS, which Node must search for names first.
  format: 'cjs',
  // These find files beside their own, or are loaded only where they are used.
  external: [
    '@fedloom/onnxruntime',
    'piscina',
    'prom-client',
    'jiti',
    'ws',
    'https-proxy-agent',
    'asciichart',
    'yaml',
    '@peculiar/x509',
    'reflect-metadata',
    'papaparse',
    'jpeg-js',
    'pngjs',
    'fflate',
    'hyparquet',
    'hyparquet-compressors',
    'hyparquet',
    'hyparquet-compressors',
  ],
  define: { 'import.meta.url': '$url' },
  banner: { js: "const $url = require('node:url').pathToFileURL(__filename).href;" },
  sourcemap: 'linked',
  legalComments: 'none',
  metafile: true,
});
writeFileSync(`${outdir}/package.json`, '{ "type": "commonjs" }\n');
writeFileSync(`${outdir}/THIRD-PARTY-LICENSES.txt`, licensesOf(Object.keys(metafile.inputs)));

// What pages load, whatever serves it: the page's part and its worker, each whole in a file, of which the first finds the second beside it.
// `library` has what tasks are made of, and the simulation.
const page = `${root}/dist/page`;
const library = 'dist/browser/library.js';
writeFileSync(`${root}/${library}`, libraryOfPages());
rmSync(page, { recursive: true, force: true });
const pages = await build({
  absWorkingDir: root,
  entryPoints: {
    index: 'dist/browser/index.js',
    worker: 'dist/browser/worker.js',
    library,
    'plan-worker': 'dist/browser/simulation/plan-worker.js',
  },
  outdir: page,
  bundle: true,
  platform: 'browser',
  target: ['chrome100', 'firefox114', 'safari16'],
  format: 'esm',
  // A run emits its events by Node's emitter, which this is without Node.
  alias: { 'node:events': 'events' },
  minify: true,
  // Names of classes and functions stand in messages.
  keepNames: true,
  sourcemap: 'linked',
  legalComments: 'none',
  metafile: true,
});
// Bundlers are to leave the import of ONNX Runtime alone; what minifies drops the comments that say so.
for (const name of ['worker', 'plan-worker']) {
  const worker = readFileSync(`${page}/${name}.js`, 'utf8');
  const imports = [...worker.matchAll(/\bimport\((?=\w+\))/g)];
  if (imports.length !== 1) throw new Error(`${name}.js has ${imports.length} dynamic imports: one is expected`);
  writeFileSync(
    `${page}/${name}.js`,
    worker.replace(imports[0][0], 'import(/* @vite-ignore */ /* webpackIgnore: true */ '),
  );
}
writeFileSync(`${page}/THIRD-PARTY-LICENSES.txt`, licensesOf(Object.keys(pages.metafile.inputs)));

// What trainers in Python need lies beside the code that starts them.
const python = `${root}/dist/python-package`;
rmSync(python, { recursive: true, force: true });
cpSync(fileURLToPath(new URL('../python/src', import.meta.url)), python, {
  recursive: true,
  filter: (path) => !/__pycache__|\.egg-info/.test(path),
});

/** What the library exports that needs nothing of Node, and the simulation of pages. */
function libraryOfPages() {
  const clean =
    /^(?:@fedloom\/engine|\.\/(?:algorithms|core|data|task|update|server\/schedule)\/(?!(?:.*\/)?node\/).*)$/;
  const exported = readFileSync(`${root}/dist/index.js`, 'utf8').matchAll(/^export \{([^}]*)\} from '([^']+)';$/gm);
  const lines = [...exported]
    .filter(([, , from]) => clean.test(from))
    .map(([, names, from]) => `export {${names}} from '${from.replace('./', '../')}';`);
  if (lines.length < 30) throw new Error(`${lines.length} modules of the library are for pages: more are expected`);
  return `${lines.join('\n')}\nexport { simulate } from './simulation/index.js';\n`;
}

/** Whoever passes code on passes its licence on. */
function licensesOf(files) {
  const packages = new Set(files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
  const texts = [...packages].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(`${root}/${path}/package.json`, 'utf8'));
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license'].find((one) => canRead(`${root}/${path}/${one}`));
    if (file === undefined) throw new Error(`${name} has no licence file: it cannot be bundled`);
    return `${name} ${version} (${license})\n\n${readFileSync(`${root}/${path}/${file}`, 'utf8').trim()}\n`;
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
