/** fedloom in real containers on a network of their own: what a run comes to is what it comes to in one process. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type JsonLine, Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { Engine, type Project, whyNoEngine } from './engine.js';

const why = await whyNoEngine();
const skipped = why !== undefined && process.env.CI !== 'true';
/** The base image and the packages of the image are made once for a machine. */
const IMAGE_MS = 900_000;
const RUN_MS = 300_000;

const MNIST = `${root}/examples/01-mnist/task.ts`;

/** A container beside those of a project. */
const OTHER = 'fedloom-test-other';

/** What counts of a run's end. */
function outcome({ modelHash, metrics, clientMetrics }: JsonLine) {
  return { modelHash, metrics, clientMetrics };
}

async function until(test: () => Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 100));
}

describe.skipIf(skipped)(skipped ? `containers (${why})` : 'containers', () => {
  let engine: Engine;
  const projects: Project[] = [];

  beforeAll(async () => {
    engine = await Engine.start();
  }, IMAGE_MS);
  afterAll(() => engine?.stop(), RUN_MS);
  afterEach(async () => {
    if (projects.length > 0) await engine.docker('rm', '--force', OTHER);
    for (const project of projects.splice(0)) await project.down();
  }, RUN_MS);

  function project(name: string, settings: Readonly<Record<string, string | number>>): Project {
    const made = engine.project(name, settings);
    projects.push(made);
    return made;
  }

  it(
    'HeadNode serves and three ComputeNodes train MNIST, with one `up`',
    async () => {
      const place = await Workplace.create();
      const alone = place.start(`run ${MNIST} 20 4 3 --json`);
      const cluster = project('fedloom-test-mnist', {
        CLIENTS: 20,
        PER_ROUND: 4,
        ROUNDS: 3,
        COMPUTE_NODES: 3,
        SERVER_OPTIONS: '--json',
      });
      await cluster.up();
      const [head = ''] = await cluster.containers('HeadNode');
      expect(outcome(await engine.event(head, 'finished'))).toEqual(outcome(await alone.event('finished')));

      const nodes = await cluster.containers('ComputeNode');
      expect(await engine.docker('wait', head, ...nodes)).toBe('0\n0\n0\n0');
      const joined = await Promise.all(
        nodes.map(async (node) => /as clients (\S+)\./.exec(await engine.words(node))?.[1]),
      );
      expect(joined).toEqual(['0,3,6,9,12,15,18', '1,4,7,10,13,16,19', '2,5,8,11,14,17']);
    },
    RUN_MS,
  );

  it(
    'a node loses its network and comes back with another address, a node dies, HeadNode dies: the same hash',
    async () => {
      const place = await Workplace.create();
      const alone = place.start(`run ${MNIST} 6 6 5 --json`);
      const cluster = project('fedloom-test-faults', {
        CLIENTS: 6,
        PER_ROUND: 6,
        ROUNDS: 5,
        COMPUTE_NODES: 3,
        SERVER_OPTIONS: '--json --grace none --deadline none',
        CLIENT_OPTIONS: '--data /data/parts',
      });
      await cluster.compose([
        'run',
        '--rm',
        'HeadNode',
        ...'partition /code/01-mnist/task.ts --clients 6 --out /data/parts'.split(' '),
      ]);
      await cluster.up();
      const [head = ''] = await cluster.containers('HeadNode');
      const [, cutOff = '', dying = ''] = await cluster.containers('ComputeNode');
      const health = (container: string) => engine.exec(container, 'node', '/usr/local/lib/fedloom/healthy.mjs');
      const round = (number: number) => engine.event(head, 'round', (event) => event.round === number);
      const network = 'fedloom-test-faults_default';

      await round(0);
      expect(await health(head)).toEqual({ code: 0, stdout: 'port 8080 answers' });
      expect(await health(cutOff)).toEqual({ code: 0, stdout: 'connected' });
      const address = await engine.address(cutOff);
      await engine.docker('network', 'disconnect', network, cutOff);
      // Who comes next gets the address that has become free.
      await engine.docker(
        'run',
        '--detach',
        '--network',
        network,
        '--name',
        OTHER,
        '--entrypoint',
        'sleep',
        'fedloom',
        '600',
      );
      await until(async () => (await health(cutOff)).code === 1);
      await engine.docker('network', 'connect', network, cutOff);
      expect([await engine.address(OTHER), await engine.address(cutOff)]).toEqual([
        address,
        expect.not.stringMatching(address),
      ]);

      await round(1);
      await engine.crash(dying);
      await round(2);
      await engine.crash(head);

      expect(outcome(await engine.event(head, 'finished'))).toEqual(outcome(await alone.event('finished')));
      const starts = (await engine.events(head)).filter(({ event }) => event === 'started');
      expect(starts).toMatchObject([{ run: starts[1]?.run }, { roundsBefore: expect.any(Number) }]);
      const restarts = [head, cutOff, dying].map((node) =>
        engine.docker('inspect', '--format', '{{.RestartCount}}', node),
      );
      expect(await Promise.all(restarts)).toEqual(['1', '0', '1']);
    },
    RUN_MS,
  );
});
