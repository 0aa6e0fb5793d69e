import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { liar } from '../integration/liar.js';
import { CLOUDS, type JsonLine, Workplace } from './fedloom.js';

const LIAR = 5;
const LIES = { value: 68, sampleCount: 1e9 };

/** What its parameters look like: those of the task's one layer, of six features and three classes. */
const MODEL = new Map([
  ['0.bias', { dtype: 'float32' as const, shape: [3], data: new Float32Array(3) }],
  ['0.weight', { dtype: 'float32' as const, shape: [3, 6], data: new Float32Array(18) }],
]);

/** A server with these options, five honest clients in a process of theirs, and a liar. */
async function attacked(place: Workplace, options: string, rounds = 6) {
  const server = place.start(`server t.ts 6 6 ${rounds} --listen 127.0.0.1:0 --deadline none ${options} --json`);
  const url = String((await server.event('listening')).url);
  await liar(url, LIAR, MODEL, LIES);
  const honest = place.start(`client t.ts --server ${url} --index 0-4`);
  const { code } = await server.ended;
  await honest.ended;
  return { code, events: server.events };
}

describe('a liar among the clients of fedloom server', () => {
  it.each(['--fold median', '--fold trimmedMean(trim=1)', '--fold krum(f=1)'])(
    'is borne by %s without a round lost',
    async (option) => {
      const place = await Workplace.create({ 't.ts': CLOUDS });
      const { code, events } = await attacked(place, `${option} --quarantine-after none`);
      expect(code).toBe(0);
      const rounds = events.filter(({ event }) => event === 'round');
      expect(rounds.map(({ voided }) => voided)).toEqual(new Array(6).fill(null));
      const { metrics } = events.at(-1) as unknown as { metrics: { accuracy: number } };
      expect(metrics.accuracy).toBeGreaterThan(0.85);
    },
  );

  it('is refused by bounds, which run.json has, and which a replay keeps to', async () => {
    const place = await Workplace.create({ 't.ts': CLOUDS });
    // The last round, in which all are asked to evaluate, finds the liar in quarantine: a replay tests on the data of all who answered.
    const bounds = '--update-norm-max 10x --sample-count-max 20x --quarantine-after 2 --over-select 1.5';
    const { code, events } = await attacked(place, bounds, 5);
    expect(code).toBe(0);
    const { arguments: given, folder } = events.find(({ event }) => event === 'started') as JsonLine;
    const told = { updateNormMax: '10x', sampleCountMax: '20x', quarantineAfter: 2, overSelect: 1.5 };
    expect(given).toMatchObject(told);
    expect(JSON.parse(await readFile(join(String(folder), 'run.json'), 'utf8')).arguments).toMatchObject(told);
    const rounds = events.filter(({ event }) => event === 'round');
    expect(rounds[0]?.voided).toMatchObject({ code: 'aggregate.outliers', suspects: [{ client: LIAR }] });
    expect(rounds.flatMap(({ quarantined = [] }) => quarantined as object[])).toEqual([{ client: LIAR, rounds: 4 }]);
    const contradicted = await place.run('run --replay latest --update-norm-max 20x');
    expect(contradicted.stderr).toContain('--update-norm-max 20x contradicts the run');
    expect((await place.run('runs show latest')).stdout).toMatch(/norm max +10x/);
    const replayed = await place.run('run --replay latest --json');
    expect(replayed.stderr).toContain('Equal to');
  });

  it('bounds that are none are refused by name', async () => {
    const place = await Workplace.create({ 't.ts': CLOUDS });
    for (const [args, text] of [
      ['run t.ts --update-norm-max ten', '--update-norm-max is "ten"; it must be a number above 0'],
      ['run t.ts --over-select 0.5', '--over-select must be a number from 1 to 1000'],
      ['run t.ts --quarantine-after 0', '--quarantine-after must be a whole number of at least 1'],
      ['run t.ts --evaluation-deadline 5', '--evaluation-deadline has a meaning only with --processes'],
    ] as const) {
      const { code, stderr } = await place.run(args);
      expect(code).toBe(2);
      expect(stderr).toContain(text);
    }
  });
});
