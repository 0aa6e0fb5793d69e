import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../repository/source-tree.js';

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

/** What a user without this repository gets. */
describe('the packed packages', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fedloom-package-'));
    const tarballs = join(folder, 'tarballs');
    await mkdir(tarballs);
    for (const name of ['engine', 'fedloom']) {
      await exec('npm', ['pack', '--ignore-scripts', '--pack-destination', tarballs], {
        cwd: join(root, 'packages', name),
      });
    }
    const files = (await readdir(tarballs)).map((file) => join(tarballs, file));
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    await exec('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--omit=peer', ...files], {
      cwd: folder,
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_onnxruntime_node_install: 'skip' },
    });
    await writeFile(join(folder, 'task.ts'), TASK);
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('run a task from the command', async () => {
    const { stdout } = await exec('npx', ['fedloom', 'run', 'task.ts', '4', '2', '3', '--json'], { cwd: folder });
    const last = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(last).toMatchObject({
      event: 'finished',
      rounds: 3,
      modelHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(last.metrics.accuracy).toBeGreaterThan(0.9);
  });

  it('say how to install a transport that is not there', async () => {
    const command = exec('npx', ['fedloom', 'server', 'task.ts', '4', '2', '3', '--mqtt-listen', ':0'], {
      cwd: folder,
    });
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
    expect(stdout).toMatch(/# pass 47\n# fail 0\n/);
  });

  it('tell ranks of MPI which package they need', async () => {
    const env = { ...process.env, OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '2' };
    const failed = await exec('npx', ['fedloom', 'node', 'task.ts', '1'], { cwd: folder, env }).catch((error) => error);
    expect(failed.stderr).toMatch(/^fedloom: MPI needs the package .*: npm install @fedloom\/transport-mpi$/m);
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
