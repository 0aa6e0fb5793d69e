/** The client of tools/protocol-client, written from PROTOCOL.md in another language, against the real server. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, type JsonLine, Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';

const CLIENT = join(root, 'tools/protocol-client');
const PYTHON = join(root, 'node_modules/.cache/protocol-client/bin/python');
const installed = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import numpy, onnxruntime, websockets']).status === 0;
const needed = process.env.CI === 'true';
const name = installed || needed ? 'the client in Python' : 'the client in Python (tools/protocol-client/install.sh)';

const TASK = CLOUDS.replace('dense, ', 'dense, relu, ').replace('[dense(3)]', '[dense(8), relu(), dense(3)]');
const FROZEN = TASK.replace('dense, ', 'dense, frozen, ').replace('[dense(8)', '[frozen(dense(8))');
const SIZE = '--clients 4 --per-round 3 --rounds 4 --seed 11 --json';

async function python(script: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(PYTHON, [join(CLIENT, script), ...args]);
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  }
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  expect(code, said.stderr).toBe(0);
  return said;
}

/** What counts of a run's end. */
function outcome({ modelHash, metrics, clientMetrics }: JsonLine) {
  return { modelHash, metrics, clientMetrics };
}

describe.skipIf(!installed && !needed)(name, () => {
  it('computes the vectors of the protocol', async () => {
    const { stdout } = await python('check_vectors.py', [join(root, 'tools/goldens/data/protocol')]);
    expect(stdout).toBe('all vectors hold\n');
  });

  it.each([
    ['FedAvg', '', []],
    ['SCAFFOLD, over a line that breaks', '--algorithm scaffold', ['--break-after', '5']],
    ['topK and clip', '--stage topK(fraction=0.2) --stage clip(norm=0.5)', []],
    ['FedPer, over a line that breaks', '--algorithm fedPer', ['--break-after', '4']],
    ['q-FedAvg', '--algorithm qFedAvg(q=1)', []],
    ['a frozen layer, over a line that breaks', '', ['--break-after', '5'], FROZEN],
  ])('%s: the model and the evaluations that Node alone comes to', async (_, options, breaks, task = TASK) => {
    const place = await Workplace.create({ 'task.ts': task });
    const parts = await place.run('partition task.ts --clients 4 --seed 11 --out parts');
    expect(parts.code, parts.stderr).toBe(0);
    const alone = place.start(`run task.ts ${SIZE} ${options}`);
    const server = place.start(`server task.ts ${SIZE} --listen 127.0.0.1:0 ${options}`);
    const { url } = await server.event('listening');
    const where = ['--server', String(url), '--index', '0-3', '--data', join(place.path, 'parts')];
    const { stderr } = await python('client.py', [...where, ...breaks]);
    expect(/connection lost/.test(stderr), stderr).toBe(breaks.length > 0);
    expect(outcome(await server.event('finished'))).toEqual(outcome(await alone.event('finished')));
  });
});
