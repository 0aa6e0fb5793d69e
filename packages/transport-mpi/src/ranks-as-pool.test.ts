import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { threadPool } from 'fedloom';
import { jobPoolSuite } from 'fedloom/testing';
import { afterAll, expect, it, vi } from 'vitest';
import { alone, lastEvent } from './testing/alone.js';
import { CLOUDS } from './testing/clouds.js';
import { COMMAND, describeWithMpi, mpirun } from './testing/mpirun.js';

const cwd = mkdtempSync(join(tmpdir(), 'fedloom-mpi-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
writeFileSync(join(cwd, 'task.ts'), CLOUDS);
writeFileSync(
  join(cwd, 'trainer.mjs'),
  `import { defineTask } from 'fedloom';
  export default defineTask({ name: 'own', trainer: () => { throw new Error('nobody is to ask for a trainer'); } });`,
);
const run = (ranks: number, ...args: readonly string[]) => mpirun(ranks, [COMMAND, 'run', ...args], { cwd });

describeWithMpi('ranks as a job pool', () => {
  it('pass the suite of job pools', async () => {
    const script = fileURLToPath(new URL('./testing/pool-rank.js', import.meta.url));
    const { code, stdout, stderr } = await mpirun(3, [script]);
    const cases = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    expect(cases.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(cases).toHaveLength(jobPoolSuite({ create: threadPool, reference: threadPool }).length);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('train the model of one process, to the bit, with threads or processes of their own', async () => {
    const size = ['task.ts', '20', '7', '3', '--json'];
    const { modelHash } = lastEvent(alone(cwd, 'run', ...size).stdout);
    for (const more of [[], ['--partial-sums'], ['--workers', '2', '--pool', 'processes']]) {
      const { code, stdout, stderr } = await run(3, ...size, ...more);
      expect([code, lastEvent(stdout).modelHash]).toEqual([0, modelHash]);
      expect(stderr).toContain(`3 ranks on 1 host train: ${more.includes('--pool') ? '6 processes' : '3 threads'}.`);
    }
  });

  it.each([
    [
      'processes of one machine',
      ['task.ts', '--processes=2'],
      2,
      /--processes does not go with the 2 processes that Open MPI started/,
    ],
    ["a trainer of one's own", ['trainer.mjs'], 2, /would be idle\. Start them as `fedloom node --share-ranks`/],
    [
      'sums of what needs each update',
      ['task.ts', '--fold=median', '--partial-sums'],
      1,
      /the fold median needs each by itself/,
    ],
    ['a task that is not there', ['none.ts'], 1, /There is no task file none\.ts/],
  ])('tell of %s once', async (_what, args, code, text) => {
    const ended = await run(2, ...args);
    expect(ended.stderr).toMatch(text);
    expect(ended.stderr.match(/fedloom: /g)).toHaveLength(1);
    expect(ended.code).toBe(code);
  });

  it('leave a run that can be resumed when mpirun is interrupted, which kills them after a second', async () => {
    const size = ['task.ts', '4', '2', '60', '--json'];
    const { modelHash } = lastEvent(alone(cwd, 'run', ...size).stdout);
    const interrupted = new AbortController();
    const onStdout = (text: string) => {
      if (text.includes('"event":"round"')) interrupted.abort();
    };
    const args = [COMMAND, 'run', ...size, '--out', 'stopped'];
    expect((await mpirun(3, args, { cwd, onStdout, signal: interrupted.signal })).code).not.toBe(0);
    // mpirun may be gone before those that it killed.
    const [run = ''] = readdirSync(join(cwd, 'stopped'));
    const { pid } = JSON.parse(readFileSync(join(cwd, 'stopped', run, 'run.json'), 'utf8')).process;
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 20_000);
    const resumed = alone(cwd, 'resume', 'latest', '--out', 'stopped', '--json');
    expect(lastEvent(resumed.stdout)).toMatchObject({ event: 'finished', modelHash });
  });
});
