import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { importsOf, isTest, root, sources } from './source-tree.js';

const FEDLOOM = 'packages/fedloom/src/';
const ENGINE = 'packages/engine/src/';

/** What each folder of the main package may import, as ARCHITECTURE.md draws it. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  data: ['core'],
  update: ['core'],
  algorithms: ['core', 'update'],
  task: ['core', 'data', 'update', 'algorithms'],
  protocol: ['core', 'update'],
  transport: ['core', 'update', 'protocol'],
  compute: ['core', 'data', 'update', 'algorithms', 'task', 'protocol'],
  client: ['core', 'data', 'update', 'algorithms', 'task', 'protocol', 'transport', 'compute'],
  server: ['core', 'data', 'update', 'algorithms', 'task', 'protocol', 'transport', 'compute', 'journal'],
  simulation: ['core', 'data', 'algorithms', 'task', 'protocol', 'transport', 'compute', 'client', 'server', 'journal'],
  journal: ['core'],
  store: ['core', 'journal'],
  inference: ['core', 'data', 'store'],
  launch: ['core'],
  python: ['core', 'task'],
  browser: ['core', 'data', 'task', 'protocol', 'transport', 'compute', 'client', 'inference', 'server', 'simulation'],
  // The suites of extension points know the interfaces that they are about.
  conformance: ['core', 'data', 'update', 'algorithms', 'task', 'protocol', 'compute', 'server'],
  cli: [
    'core',
    'data',
    'update',
    'algorithms',
    'task',
    'protocol',
    'transport',
    'compute',
    'client',
    'server',
    'simulation',
    'journal',
    'store',
    'inference',
    'launch',
    'python',
  ],
};

const BROWSER_CLEAN = [
  'core',
  'task',
  'data',
  'algorithms',
  'update',
  'protocol',
  'compute',
  'client',
  'journal',
  'conformance',
  'browser',
];
/** Folders for Node alone, within folders that are otherwise browser-clean. */
const NODE_ONLY = /\/(node|websocket)\//;

const code = [...sources('packages/engine/src'), ...sources('packages/fedloom/src')];
const production = code.filter((file) => !isTest(file));

describe('arrows between folders', () => {
  for (const [folder, allowed] of Object.entries(ARROWS)) {
    it(`${folder} imports only ${allowed.join(', ') || 'nothing'}`, () => {
      const wrong = production
        .filter((file) => file.startsWith(`${FEDLOOM}${folder}/`))
        .flatMap((file) => importsOf(file).map((to) => ({ file, to })))
        .filter(({ to }) => to.file?.startsWith(FEDLOOM))
        .filter(({ to }) => {
          const target = (to.file as string).slice(FEDLOOM.length).split('/')[0] as string;
          // The command hands task files the library as its users see it.
          if (folder === 'cli' && target === 'index.ts') return false;
          return target !== folder && !allowed.includes(target);
        })
        .map(({ file, to }) => `${file} -> ${to.file}`);
      expect(wrong).toEqual([]);
    });
  }

  it('every folder has its arrows', () => {
    const folders = new Set(
      production.filter((file) => file.startsWith(FEDLOOM)).map((file) => file.slice(FEDLOOM.length).split('/')),
    );
    const names = new Set([...folders].filter((parts) => parts.length > 1).map((parts) => parts[0]));
    expect([...names].filter((name) => !((name as string) in ARROWS))).toEqual([]);
  });

  it('the engine imports nothing of the main package', () => {
    const wrong = production.filter(
      (file) => file.startsWith(ENGINE) && importsOf(file).some((to) => /^fedloom/.test(to.specifier)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('packages of transports', () => {
  /** For programs, which have imported fedloom anyway, and for the build: the command loads neither. */
  const notLoaded = ['packages/transport-mpi/src/index.ts', 'packages/transport-mpi/src/build.ts'];
  const packages = sources('packages').filter(
    (file) => /^packages\/transport-/.test(file) && !isTest(file) && !notLoaded.includes(file),
  );

  it('import of fedloom only types, and the light part of the engine: the command has a fedloom of its own', () => {
    expect(packages.length).toBeGreaterThan(0);
    const wrong = packages.filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return /from 'fedloom/.test(text.replace(/^(?:im|ex)port type [^;]*;/gms, '')) || /'@fedloom\/engine'/.test(text);
    });
    expect(wrong).toEqual([]);
  });
});

it('there are no import cycles', () => {
  // Of types neither: who reads one file of a circle must read them all.
  const graph = new Map(
    production.map((file) => [file, importsOf(file).flatMap((to) => (to.file === undefined ? [] : [to.file]))]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (done.has(file) || path.includes(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  expect(cycles).toEqual([]);
});

it('files are short: none above 500 lines', () => {
  const long = code
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 500);
  expect(long).toEqual([]);
});

it('folders are made by makeFolders: what Node does of its own does not come back from /proc', () => {
  const made = sources('packages').filter((file) => !isTest(file));
  const wrong = made.filter((file) => /mkdir(?:Sync)?\([^;]*recursive/.test(readFileSync(join(root, file), 'utf8')));
  expect(wrong).toEqual([]);
});

describe('browser-clean parts', () => {
  const clean = (file: string) =>
    !NODE_ONLY.test(file) &&
    ((file.startsWith(ENGINE) && !file.startsWith(`${ENGINE}node/`)) ||
      BROWSER_CLEAN.some((folder) => file.startsWith(`${FEDLOOM}${folder}/`)) ||
      file.startsWith(`${FEDLOOM}transport/memory/`));

  it('name no node: module', () => {
    const wrong = production.filter(
      (file) => clean(file) && importsOf(file).some((to) => to.specifier.startsWith('node:')),
    );
    expect(wrong).toEqual([]);
  });

  it('bundle for the browser', async () => {
    const entries = production
      .filter(clean)
      .map((file) => `export * from ${JSON.stringify(join(root, builtFile(file)))};`);
    const result = await build({
      stdin: { contents: entries.join('\n'), resolveDir: root, loader: 'js' },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      // As tools/bundle.js does it.
      alias: { 'node:events': 'events' },
      write: false,
      logLevel: 'silent',
    });
    expect(result.errors).toEqual([]);
    expect(result.outputFiles[0]?.contents.byteLength).toBeGreaterThan(10_000);
  });
});

function builtFile(source: string): string {
  return source.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
}
