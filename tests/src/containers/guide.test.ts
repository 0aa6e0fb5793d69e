/** docs/cluster.md, typed from its top to its end: on this machine, and in HeadNode. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf } from '../documents/blocks.js';
import { PYTHON } from '../integration/python.js';
import { root } from '../repository/source-tree.js';
import { COMPOSE, Engine, whyNoEngine } from './engine.js';

const why = (await whyNoEngine()) ?? (existsSync(PYTHON) ? undefined : 'tools/python/install.sh');
const skipped = why !== undefined && process.env.CI !== 'true';
const IMAGE_MS = 900_000;
const GUIDE_MS = 600_000;

/** The guide's numbers, and such as take seconds. */
const [SIZE, SMALLER] = ['10 5 50', '3 2 2'];
const [COMPOSED, FEWER] = ['CLIENTS=10 PER_ROUND=5 ROUNDS=50', 'CLIENTS=3 PER_ROUND=2 ROUNDS=2'];
/** Where Python in the image looks for packages. */
const PACKAGES = '/usr/local/lib/python3.11/dist-packages';

describe.skipIf(skipped)(skipped ? `the guide to a cluster (${why})` : 'the guide to a cluster', () => {
  let engine: Engine;
  let place: string;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    engine = await Engine.start();
    await engine.docker('tag', 'fedloom-python', 'fedloom-pytorch');
    place = await mkdtemp(join(tmpdir(), 'fedloom-guide-'));
    await symlink(join(root, 'deploy'), join(place, 'deploy'));
    environment = await withPyTorch(place, engine.host);
  }, IMAGE_MS);
  afterAll(async () => {
    await engine?.stop();
    if (place) await rm(place, { recursive: true, force: true });
  }, GUIDE_MS);

  it(
    'each command works, and each way to start a run ends in the same model',
    async () => {
      const folder = join(place, 'cluster');
      const typed: Block[] = [];
      for (const block of blocksOf('docs/cluster.md')) {
        const { language, file = '', text, line } = block;
        const smaller = text.replaceAll(SIZE, SMALLER).replaceAll('-np 11', '-np 4').replaceAll(COMPOSED, FEWER);
        try {
          if (language !== 'sh') await writeFile(join(folder, file), smaller);
          else if (file === 'build') await expectImages(smaller);
          else if (file === 'host') typeHere(smaller, typed.length === 0 ? place : folder, environment);
          else await engine.feed(file, 'cd /work && exec bash -e', smaller);
        } catch (error) {
          throw new Error(`docs/cluster.md:${line}: ${error instanceof Error ? error.message : error}`, {
            cause: error,
          });
        }
        if (language === 'sh' && file === 'host') typed.push(block);
      }

      const runs = await readdir(join(folder, 'runs'));
      const records = await Promise.all(
        runs.map(async (run) => JSON.parse(await readFile(join(folder, 'runs', run, 'run.json'), 'utf8'))),
      );
      // In one process, by ssh over WebSocket, MQTT and MPI, by mpirun, again after --resume, and by Compose.
      expect(records.map(({ status }) => status)).toEqual(Array(7).fill('completed'));
      expect(new Set(records.map(({ modelHash }) => modelHash)).size).toBe(1);
      expect(new Set(records.map(({ metrics }) => JSON.stringify(metrics))).size).toBe(1);
    },
    GUIDE_MS,
  );

  /** They were built from the same files, by tools/containers: no registry needs to be reached. */
  async function expectImages(text: string): Promise<void> {
    const names = [...text.matchAll(/^docker build -f \S+ -t (\S+) \.$/gm)].map(([, name = '']) => name);
    expect(names).toEqual(['fedloom', 'fedloom-pytorch']);
    for (const name of names) await engine.docker('image', 'inspect', name);
  }
});

function typeHere(text: string, cwd: string, env: NodeJS.ProcessEnv): void {
  execFileSync('bash', ['-e'], { cwd, env, input: text, stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8' });
}

/**
 * A shell's variables with which `docker` gives containers the PyTorch of this machine, and knows `compose`. The image of the
 * tests is without it, since it is gigabytes.
 */
async function withPyTorch(place: string, host: string): Promise<NodeJS.ProcessEnv> {
  const code = 'import sysconfig; print(sysconfig.get_path("platlib"), sysconfig.get_python_version())';
  const [installed = '', version = ''] = execFileSync(PYTHON, ['-c', code], { encoding: 'utf8' }).trim().split(' ');
  expect(PACKAGES).toContain(`python${version}/`);
  const volume = `${installed}:${PACKAGES}:ro`;

  const programs = join(place, 'bin');
  await mkdir(programs);
  const services = Object.fromEntries(['HeadNode', 'ComputeNode'].map((name) => [name, { volumes: [volume] }]));
  const override = join(place, 'pytorch.json');
  await writeFile(override, JSON.stringify({ services }));
  const docker = execFileSync('which', ['docker'], { encoding: 'utf8' }).trim();
  const script = `#!/bin/sh
[ "$1" = compose ] || exec ${docker} "$@"
shift
export COMPOSE_FILE="$COMPOSE_FILE:${override}"
exec ${COMPOSE.join(' ')} "$@"
`;
  await writeFile(join(programs, 'docker'), script);
  await chmod(join(programs, 'docker'), 0o755);
  return {
    ...process.env,
    PATH: `${programs}${delimiter}${process.env.PATH}`,
    DOCKER_HOST: host,
    DOCKER_BUILDKIT: '0',
    OPTIONS: `--volume ${volume}`,
  };
}
