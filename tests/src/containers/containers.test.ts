/** fedloom in real containers on a network of their own: what a run comes to is what it comes to in one process. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type JsonLine, Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { Engine, type Project, whyNoEngine } from './engine.js';

const why = await whyNoEngine();
const skipped = why !== undefined && process.env.CI !== 'true';
/** The base image and the packages of the image are made once for a machine. */
const IMAGE_MS = 900_000;
const RUN_MS = 180_000;

const MNIST = `${root}/examples/01-mnist/task.ts`;

/** What counts of a run's end. */
function outcome({ modelHash, metrics, clientMetrics }: JsonLine) {
  return { modelHash, metrics, clientMetrics };
}

describe.skipIf(skipped)(skipped ? `containers (${why})` : 'containers', () => {
  let engine: Engine;
  const projects: Project[] = [];

  beforeAll(async () => {
    engine = await Engine.start();
  }, IMAGE_MS);
  afterAll(() => engine?.stop(), RUN_MS);
  afterEach(async () => {
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
});
