import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

/** The rounds in the table that `runs show` prints. */
const roundsIn = (shown: string) => [...shown.matchAll(/^ +(\d+) +\d\.\d{4} /gm)].map(([, round]) => Number(round));

describe('fedloom runs show', () => {
  it('of many rounds shows those that were evaluated, and says how many there are', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    await place.run('run task.ts 4 2 30 --evaluate-every 3');
    const { stdout } = await place.run('runs show latest');
    expect(roundsIn(stdout)).toEqual([1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 30]);
    expect(stdout).toMatch(/^Shown are 11 of 30 rounds; all are in runs\/.*metrics\.jsonl\.$/m);
    await place.run('run task.ts 4 2 30');
    const all = (await place.run('runs show latest')).stdout;
    expect(roundsIn(all)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(all).not.toMatch(/Shown are/);
    await place.run('run task.ts 2 1 150');
    const longer = (await place.run('runs show latest')).stdout;
    expect(roundsIn(longer)).toEqual(Array.from({ length: 75 }, (_, i) => 2 * i + 2));
    expect(longer).toMatch(/Shown are 75 of 150 rounds/);
  });

  it('of a run without an end tells how far it came, by its lines', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    await place.run('run task.ts 4 2 5');
    const [run = ''] = await readdir(join(place.path, 'runs'));
    const path = join(place.path, 'runs', run, 'run.json');
    const file = JSON.parse(await readFile(path, 'utf8'));
    const lines = join(place.path, 'runs', run, 'metrics.jsonl');
    await writeFile(lines, (await readFile(lines, 'utf8')).split('\n').slice(0, 3).join('\n'.concat('')).concat('\n'));
    await writeFile(path, JSON.stringify({ ...file, status: 'cancelled', result: null }));
    expect((await place.run('runs show latest')).stdout).toMatch(/^rounds {6}3 of 5$/m);
    expect((await place.run('runs list')).stdout).toMatch(/cancelled +3\/5 +accuracy \d+\.\d\d %/);
  });

  it('tells what was asked for beside the task', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    await place.run('run task.ts 4 2 1');
    const [first = ''] = await readdir(join(place.path, 'runs'));
    await place.run([
      'run',
      'task.ts',
      '4',
      '4',
      '1',
      '--init',
      'latest',
      '--fold',
      'median',
      '--stage',
      'clip(norm=1)',
      '--patience',
      '3',
    ]);
    const { stdout } = await place.run('runs show latest');
    expect(stdout).toContain(`init        runs/${first}/model.safetensors`);
    expect(stdout).toMatch(/^fold {8}median$/m);
    expect(stdout).toMatch(/^stages {6}clip\(norm=1\)$/m);
    expect(stdout).toMatch(/^patience {4}3 evaluations$/m);
  });

  it('and run tell the names that a result aggregator gives of its own', async () => {
    const own = CLOUDS.replace(
      "name: 'clouds',",
      "name: 'clouds', resultAggregator: { aggregate: (round, results) => ({ spread: results.size / 10 }) },",
    );
    const place = await Workplace.create({ 'task.ts': own });
    const ran = await place.run('run task.ts 4 2 2');
    expect(ran.stdout).toMatch(/^spread {6}0\.4000$/m);
    const { stdout } = await place.run('runs show latest');
    expect(stdout).toMatch(/^spread {6}0\.4000$/m);
    expect(stdout).toMatch(/^round +train loss +accuracy +spread +test loss/m);
  });
});

describe('a run that cannot start', () => {
  it.each([
    ['whose model and data do not fit', CLOUDS.replace('dense(3)', 'dense(2)'), []],
    ['that is to begin with the model of another task', CLOUDS, ['--init', 'other.safetensors']],
    ['with a fold that its cohort does not fit', CLOUDS, ['--fold', 'krum(f=1)']],
    ['with processes', CLOUDS.replace('dense(3)', 'dense(2)'), ['--processes=2']],
  ])('%s leaves no folder', async (_, task, options) => {
    const place = await Workplace.create({
      'task.ts': task,
      'wide.ts': CLOUDS.replace('dense(3)', 'dense(4), dense(3)'),
    });
    await place.run('run wide.ts 2 2 1 --out elsewhere');
    await place.run('export latest --out elsewhere --safetensors other.safetensors');
    const { code, stderr } = await place.run(['run', 'task.ts', '4', '2', '1', ...options]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^fedloom: /);
    await mkdir(join(place.path, 'runs'), { recursive: true });
    expect(await readdir(join(place.path, 'runs'))).toEqual([]);
  });
});
