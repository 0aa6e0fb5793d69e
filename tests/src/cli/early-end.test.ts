import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, type JsonLine, Workplace } from './fedloom.js';

const lastEvent = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as JsonLine;
const hashOf = async (path: string) =>
  `sha256:${createHash('sha256')
    .update(await readFile(path))
    .digest('hex')}`;
const folderOf = (finished: JsonLine) => join(String(finished.model), '..');
const runFile = async (finished: JsonLine) => JSON.parse(await readFile(join(folderOf(finished), 'run.json'), 'utf8'));

describe('--stop-when, --patience, --keep-best', () => {
  it('end a run in order, and keep the best model beside the last', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const ended = await place.run([
      'run',
      'task.ts',
      ...'8 4 30 --keep-best loss --stop-when accuracy>=0.9 --json'.split(' '),
    ]);
    expect(ended.code).toBe(0);
    const finished = lastEvent(ended.stdout);
    expect(finished).toMatchObject({ event: 'finished', stopped: { code: 'run.stopped' }, best: { metric: 'loss' } });
    const rounds = Number(finished.rounds);
    expect(rounds).toBeLessThan(30);
    const best = finished.best as {
      readonly model: string;
      readonly modelHash: string;
      readonly round: number;
      readonly value: number;
    };
    expect(best.model).toBe(join(folderOf(finished), 'best.safetensors'));
    expect(await hashOf(best.model)).toBe(best.modelHash);
    const file = await runFile(finished);
    expect(file).toMatchObject({
      status: 'completed',
      arguments: { keepBest: 'loss', stopWhen: 'accuracy>=0.9' },
      result: { rounds, stopped: finished.stopped },
      best: { round: best.round, metric: 'loss', value: best.value, modelHash: best.modelHash },
    });
    const evaluated = lastEvent((await place.run(['evaluate', 'task.ts', '--model', best.model, '--json'])).stdout);
    expect(evaluated).toMatchObject({ metrics: { loss: best.value } });
    await place.run('export latest --best --safetensors out.safetensors');
    expect(await hashOf(join(place.path, 'out.safetensors'))).toBe(best.modelHash);
    expect((await place.run('export latest --best --onnx out.onnx')).code).toBe(0);
    const shown = (await place.run('runs show latest')).stdout;
    expect(shown).toMatch(new RegExp(`rounds +${rounds} of 30`));
    expect(shown).toMatch(/Ended after round \d+: accuracy is 0\.\d+, and so >= 0\.9\./);
    expect(shown).toMatch(new RegExp(`best +.*best\\.safetensors +\\(round ${best.round + 1}, loss `));
    // A replay comes to the same, and keeps the same.
    const replayed = lastEvent((await place.run('run --replay latest --json')).stdout);
    expect(replayed).toMatchObject({ rounds, modelHash: finished.modelHash, best: { modelHash: best.modelHash } });
  });

  it('are told to people', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const { stdout, code } = await place.run('run task.ts 8 4 40 --keep-best accuracy --patience 2');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Finished \d+ of 40 rounds in /m);
    expect(stdout).toMatch(
      /^Ended after round \d+: accuracy was not above 0?\.?\d+, that of round \d+, in the last 2 evaluations\.$/m,
    );
    expect(stdout).toMatch(/^best {8}runs\/.*\/best\.safetensors {2}\(round \d+, accuracy \d+\.\d\d %\)$/m);
  });

  it('hold for a run over processes, and for one that is resumed', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const options = ['--stop-when', 'accuracy>=0.9', '--keep-best', 'accuracy', '--json'];
    const whole = lastEvent((await place.run(['run', 'task.ts', '8', '4', '30', ...options])).stdout);
    const apart = lastEvent((await place.run(['run', 'task.ts', '8', '4', '30', '--processes=2', ...options])).stdout);
    const told = ({ rounds, modelHash, stopped, best }: JsonLine) => ({
      rounds,
      modelHash,
      stopped,
      best: { ...(best as object), model: '' },
    });
    expect(told(apart)).toEqual(told(whole));
    const killed = place.start(['run', 'task.ts', '8', '4', '30', ...options]);
    await killed.event('round');
    killed.child.kill('SIGKILL');
    await killed.ended;
    const resumed = await place.run('resume latest --json');
    // It may have been through when it was killed.
    if (lastEvent(resumed.stdout).event === 'finished') expect(told(lastEvent(resumed.stdout))).toEqual(told(whole));
    else expect(resumed.stderr).toMatch(/finished/);
  });

  it.each([
    [['--keep-best', 'acuracy'], /reports no "acuracy", but loss, accuracy\. Did you mean "accuracy"\?/],
    [['--keep-best', 'accuracy:up'], /"accuracy:up" must be the name of a metric/],
    [['--stop-when', 'accuracy=0.9'], /"accuracy=0\.9" must be a metric, one of >=/],
    [['--patience', '0'], /--patience must be a whole number of at least 1/],
  ])('%o: one clear error, and no folder', async (options, message) => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const { code, stderr } = await place.run(['run', 'task.ts', '4', '2', '2', ...options]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
    expect((await place.run('runs list')).stdout).toMatch(/no runs/i);
  });
});
