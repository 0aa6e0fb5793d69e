/** What the command makes of a metric that is a matrix. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

const TASK = CLOUDS.replace('accuracy, ', 'accuracy, confusionMatrix, ').replace(
  '[accuracy()]',
  '[accuracy(), confusionMatrix()]',
);
const ROWS = /confusion matrix\n( {2}\d+, \d+, \d+\n){3}/;

it('prints it row by row, writes it as lists, and refuses to follow it', async () => {
  const place = await Workplace.create({ 'task.ts': TASK });
  const size = '--clients 4 --per-round 2 --rounds 2';
  const refused = await place.run(`run task.ts ${size} --keep-best confusionMatrix`);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('Nothing is better or worse by "confusionMatrix"'),
  ]);
  const run = await place.run(`run task.ts ${size}`);
  expect(run.code, run.stderr).toBe(0);
  expect(run.stdout).toMatch(ROWS);
  const [folder] = await readdir(join(place.path, 'runs'));
  const lines = (await readFile(join(place.path, 'runs', folder ?? '', 'metrics.jsonl'), 'utf8')).trim().split('\n');
  const { metrics } = JSON.parse(lines.at(-1) ?? '');
  expect(metrics.confusionMatrix.flat().reduce((sum: number, count: number) => sum + count)).toBe(150);
  const shown = await place.run('runs show latest');
  expect(shown.stdout).toMatch(ROWS);
  const evaluated = await place.run('evaluate task.ts --model latest');
  expect(evaluated.stdout).toMatch(ROWS);
});
