import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../repository/source-tree.js';
import { areInstalled, installations, NewProject, packPackages } from './packed.js';

const exec = promisify(execFile);
const INSTALL_TIMEOUT_MS = 300_000;

const TASK = `
import { accuracy, arrays, defineTask, dense, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

const split = (count: number) => ({
  x: Array.from({ length: count }, (_, i) => [Math.sin(i), i % 2]),
  y: Array.from({ length: count }, (_, i) => i % 2),
});
export default defineTask({
  name: 'parity',
  data: arrays({ train: split(80), test: split(20), classes: 2 }),
  model: sequential([dense(2)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 4, optimizer: sgd({ learningRate: 0.5 }) },
});
`;

/** Whatever can be imported, so that the compiler reads all declarations behind it; and a task whose types must come through. */
const PROGRAM = `
import * as engine from '@fedloom/engine';
import * as base from '@fedloom/engine/base';
import * as node from '@fedloom/engine/node';
import * as run from '@fedloom/engine/run';
import * as fedloom from 'fedloom';
import * as testing from 'fedloom/testing';
export const all = { engine, base, node, run, fedloom, testing };

const task = fedloom.defineTask({
  name: 'typed',
  trainer: ({ index }) => ({
    getModelParams: () => ({ w: [index] }),
    setModelParams: (params: fedloom.NamedTensors) => void params,
    train: ({ round }) => ({ sampleCount: round + 1 }),
    test: () => ({ results: { loss: 1 }, sampleCount: 1 }),
  }),
});
const simulated = fedloom.simulate(task, { clients: 2, clientsPerRound: 1, rounds: 1 });
simulated.on('round', ({ round, metrics }) => console.log(round.toFixed(), metrics?.loss));
// @ts-expect-error there is no such event
simulated.on('rounds', () => {});
// @ts-expect-error a name is missing
fedloom.defineTask({ trainer: task.trainer });
`;
const COMPILERS = [
  [join(root, 'node_modules/typescript/bin/tsc'), 'nodenext', 'nodenext'],
  [join(root, 'node_modules/typescript/bin/tsc'), 'esnext', 'bundler'],
  // The last version that knows it.
  [join(root, 'tools/docs/node_modules/typescript/bin/tsc'), 'commonjs', 'node10'],
] as const;

const needed = process.env.CI === 'true';
const how = areInstalled || needed ? '' : ' (tests/src/integration/install-nodes.sh)';

let packed: Awaited<ReturnType<typeof packPackages>>;
beforeAll(async () => {
  packed = await packPackages();
}, INSTALL_TIMEOUT_MS);
afterAll(() => packed.remove());

/** The last event of a run of the task above. */
async function lastEvent(project: NewProject) {
  const { stdout } = await project.fedloom('run', 'task.ts', '4', '2', '3', '--json');
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

describe.skipIf(!areInstalled && !needed)(`plain npm install${how}`, () => {
  it.each(installations)(
    'with $name',
    async (installation) => {
      const project = await NewProject.create(installation);
      try {
        const { stderr } = await project.npm('install', ...packed.files);
        expect(stderr).not.toMatch(/npm (?:warn|error)/i);
        // What is downloaded by a script comes from elsewhere than the registry, and npm 12 runs none unasked.
        const lock = await readFile(join(project.folder, 'package-lock.json'), 'utf8');
        expect(lock).toContain('"node_modules/@fedloom/onnxruntime"');
        expect(lock).not.toContain('hasInstallScript');
        await writeFile(join(project.folder, 'task.ts'), TASK);
        const { event, metrics } = await lastEvent(project);
        expect(event).toBe('finished');
        expect(metrics.accuracy).toBeGreaterThan(0.9);
      } finally {
        await project.remove();
      }
    },
    INSTALL_TIMEOUT_MS,
  );
});

/** What a user without this repository gets. */
describe('the packed packages', () => {
  let project: NewProject;
  let folder: string;
  beforeAll(async () => {
    project = await NewProject.create();
    folder = project.folder;
    await project.npm('install', ...packed.files);
    await writeFile(join(folder, 'task.ts'), TASK);
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => project.remove());

  it('run a task from the command', async () => {
    expect(await lastEvent(project)).toMatchObject({
      event: 'finished',
      rounds: 3,
      modelHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });

  it('say how to install a transport that is not there', async () => {
    const command = project.fedloom('server', 'task.ts', '4', '2', '3', '--mqtt-listen', ':0');
    await expect(command).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Install it: npm install @fedloom/transport-mqtt'),
    });
  });

  it('run a task from code', async () => {
    const script = `
      import { simulate } from 'fedloom';
      import { createJiti } from 'jiti';
      const task = await createJiti(import.meta.url, { fsCache: false }).import('./task.ts', { default: true });
      for await (const { round } of simulate(task, { clients: 4, clientsPerRound: 2, rounds: 2 })) console.log(round);
    `;
    await writeFile(join(folder, 'script.mjs'), script);
    const home = join(folder, 'home');
    await mkdir(home);
    const before = await readdir(folder);
    const env = { ...process.env, HOME: home, XDG_CACHE_HOME: home, TMPDIR: home };
    const { stdout } = await exec(process.execPath, ['script.mjs'], { cwd: folder, env });
    expect(stdout.trim()).toBe('0\n1');
    // The library writes nowhere but where it is told.
    expect(await readdir(home)).toEqual([]);
    expect(await readdir(folder)).toEqual(before);
  });

  it('tell an error that nobody catches with a stack for people', async () => {
    await writeFile(join(folder, 'wrong.mjs'), "import { simulate } from 'fedloom';\nsimulate({}, { clients: 0 });\n");
    const stderrOf = async (...args: string[]) => {
      const failed = await exec(process.execPath, args, { cwd: folder }).catch((error: { stderr: string }) => error);
      expect(failed.stderr.length).toBeLessThan(3000);
      return failed.stderr;
    };
    expect(await stderrOf('wrong.mjs')).toMatch(/^FedloomError: .*clients.*\n\s+at /m);
    expect(await stderrOf('--enable-source-maps', 'wrong.mjs')).toMatch(/at .*src[\\/]simulation[\\/]simulate\.ts:\d+/);
    const command = [join('node_modules', 'fedloom', 'bin', 'fedloom.cjs'), 'run', 'missing.ts', '--verbose'];
    expect(await stderrOf(...command)).toMatch(/at findTaskFile \(.*main\.js:\d+/);
    const mapped = await stderrOf('--enable-source-maps', ...command);
    expect(mapped).toMatch(/at .*src[\\/]cli[\\/]find-task-file\.ts:\d+/);
  });

  it('bring the suites of the extension points, for any test framework', async () => {
    const script = `
      import { test } from 'node:test';
      import { clip, fedAvg, fedmlSampling, foldNamed, iid } from 'fedloom';
      import { algorithmSuite, foldSuite, partitionerSuite, samplerSuite, stageSuite } from 'fedloom/testing';
      const cases = [
        ...samplerSuite(fedmlSampling),
        ...partitionerSuite(iid),
        ...foldSuite(() => foldNamed('median')),
        ...stageSuite(() => clip({ norm: 1 })),
        ...algorithmSuite(fedAvg),
      ];
      for (const { name, run } of cases) test(name, run);
    `;
    await writeFile(join(folder, 'suites.mjs'), script);
    const { stdout } = await exec(process.execPath, ['--test-reporter=tap', 'suites.mjs'], { cwd: folder });
    expect(stdout).toMatch(/# pass 48\n# fail 0\n/);
  });

  it('tell ranks of MPI which package they need', async () => {
    const env = { ...process.env, OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '2' };
    const failed = await exec('npx', ['fedloom', 'node', 'task.ts', '1'], { cwd: folder, env }).catch((error) => error);
    expect(failed.stderr).toMatch(/^fedloom: MPI needs the package .*: npm install @fedloom\/transport-mpi$/m);
  });

  it.each(['csv', 'images', 'texts', 'trainer', 'algorithm'])(
    'begin a project that runs and whose tests pass: %s',
    async (name) => {
      await project.fedloom('new', name, '--template', name);
      const { stdout } = await project.fedloom('run', join(name, 'task.ts'), '100', '10', '2', '--json');
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'finished', rounds: 2 });
      const tested = await exec('npm', ['test'], { ...project.place, cwd: join(folder, name) });
      expect(tested.stdout).toMatch(/^(?:#|ℹ) fail 0$/m);
      expect(tested.stdout).toMatch(/^(?:#|ℹ) skipped 0$/m);
    },
  );

  it.each(['', ' and types of Node'])('have types that hold for a strict program%s', async (also) => {
    if (also !== '') await exec('npm', ['install', '@types/node@20'], project.place);
    await writeFile(join(folder, 'program.ts'), PROGRAM);
    for (const [compiler, module, resolution] of also === '' ? COMPILERS : COMPILERS.slice(0, 1)) {
      const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
      const options = [...strict, '--skipLibCheck', 'false', '--target', 'es2022', '--module', module];
      await project.node(compiler, ...options, '--moduleResolution', resolution, 'program.ts').catch((error) => {
        throw new Error(`${resolution}:\n${error.stdout}`);
      });
    }
  });

  it('begin projects whose types hold', async () => {
    for (const name of ['csv', 'images', 'texts', 'trainer', 'algorithm'])
      await project.node(COMPILERS[0][0], '-p', name);
  });

  it('say what they are', async () => {
    for (const name of ['fedloom', '@fedloom/engine', '@fedloom/onnxruntime']) {
      const place = join(folder, 'node_modules', name);
      const manifest = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'));
      expect(manifest).toMatchObject({
        homepage: expect.stringContaining('https://'),
        repository: { type: 'git', directory: expect.stringContaining('packages/') },
        keywords: expect.arrayContaining([expect.any(String)]),
      });
      expect(await readdir(place)).toEqual(expect.arrayContaining(['LICENSE', 'README.md']));
    }
  });

  it('carry no tests and no sources of tests', async () => {
    const { stdout } = await exec('find', [
      join(folder, 'node_modules/fedloom'),
      join(folder, 'node_modules/@fedloom'),
      '-name',
      '*.test.*',
    ]);
    expect(stdout).toBe('');
  });
});
