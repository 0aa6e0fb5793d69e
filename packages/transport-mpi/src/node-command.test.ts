import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { alone, lastEvent } from './testing/alone.js';
import { CLOUDS } from './testing/clouds.js';
import { COMMAND, describeWithMpi, mpirun } from './testing/mpirun.js';

const cwd = mkdtempSync(join(tmpdir(), 'fedloom-mpi-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
writeFileSync(join(cwd, 'task.ts'), CLOUDS);

const node = (ranks: number, ...args: readonly string[]) => mpirun(ranks, [COMMAND, 'node', ...args], { cwd });

describeWithMpi('fedloom node', () => {
  it('trains the model of the simulation, to the bit: a rank a client, ranks that share clients, and over WebSocket', async () => {
    const size = ['task.ts', '4', '2', '3', '--json'];
    const { modelHash } = lastEvent(alone(cwd, 'run', ...size).stdout);
    expect(modelHash).toMatch(/^sha256:/);
    const { code, stdout, stderr } = await node(5, ...size);
    // Ranks above 0 say nothing when all is well.
    expect({ code, stderr: stderr.match(/\[rank.*/)?.[0] }).toEqual({ code: 0, stderr: undefined });
    expect(lastEvent(stdout)).toMatchObject({ event: 'finished', modelHash });
    const shared = await node(3, ...size, '--share-ranks', '--verbose');
    expect([shared.code, lastEvent(shared.stdout).modelHash]).toEqual([0, modelHash]);
    expect(shared.stderr).toMatch(/^\[rank 2 \S+\] Joined run \S+ as clients 2-3\.$/m);
    const overWebSocket = await node(3, ...size, '--share-ranks', '--transport', 'ws', '--listen', '127.0.0.1:18093');
    expect([overWebSocket.code, lastEvent(overWebSocket.stdout).modelHash]).toEqual([0, modelHash]);
  });

  it.each([
    [
      'too few processes',
      3,
      ['task.ts', '4'],
      2,
      /fedloom: 4 clients need 5 processes: rank 0 serves, .* started 3 processes\. Start 5/,
    ],
    ['arguments that are none', 2, ['task.ts', '1', '1', 'many'], 2, /fedloom: ROUNDS must be a whole number/],
    ['a task that is not there', 2, ['none.ts', '1', '1', '1'], 1, /fedloom: There is no task file none\.ts/],
    [
      'options of another transport',
      2,
      ['task.ts', '1', '1', '1', '--listen', '127.0.0.1:1'],
      2,
      /fedloom: --listen has a meaning only/,
    ],
    [
      'a folder a client where ranks share',
      2,
      ['task.ts', '2', '1', '1', '--share-ranks', '--data', 'd/{rank}'],
      2,
      /fedloom: --data d\/\{rank\} is a folder for each client/,
    ],
    [
      'a file a client where ranks share',
      2,
      ['task.ts', '2', '1', '1', '--share-ranks', '--outbound-log', 'left-{rank}.jsonl'],
      2,
      /fedloom: --outbound-log left-\{rank\}\.jsonl is a file for each client/,
    ],
  ])('tells of %s once, and ends every rank with the code', async (_what, ranks, args, code, text) => {
    const ended = await node(ranks, ...args);
    expect(ended.stderr).toMatch(text);
    expect(ended.stderr.match(/fedloom: /g)).toHaveLength(1);
    expect(ended.code).toBe(code);
  });

  it('needs no compiler where the addon is compiled already, and refuses the ranks of another MPI', async () => {
    const env = { FEDLOOM_MPICXX: '/nowhere/mpicxx' };
    const { stdout } = await mpirun(2, [COMMAND, 'node', 'task.ts', '1', '1', '1', '--json'], { cwd, env });
    expect(lastEvent(stdout).event).toBe('finished');
    const mixed = spawnSync(process.execPath, [COMMAND, 'node', 'task.ts', '1'], {
      cwd,
      env: { ...process.env, PMI_RANK: '0', PMI_SIZE: '2' },
      encoding: 'utf8',
    });
    expect(mixed.stderr).toMatch(
      /Two MPIs are mixed: rank 0 was started by the mpirun of MPICH, .* compiled for Open MPI/,
    );
    expect(mixed.status).toBe(1);
  });

  it('names rank and host of a client that cannot take part, and ends the run', async () => {
    const ended = await node(3, 'task.ts', '2', '2', '3', '--data', 'part-{index}');
    expect(ended.stderr).toMatch(/^\[rank [12] \S+\] fedloom: .*part-[01]/m);
    expect(ended.code).toBe(1);
  });

  it('says how to start it where nobody launched it, and how to resume it', async () => {
    const single = alone(cwd, 'node', 'task.ts', '4');
    expect([single.status, single.stderr]).toEqual([
      2,
      expect.stringMatching(/it has no rank\. Start it with mpirun -np/),
    ]);
    const { stdout } = await node(2, 'task.ts', '1', '1', '1', '--json', '--out', 'kept');
    expect(lastEvent(stdout).event).toBe('finished');
    const resumed = alone(cwd, 'resume', 'latest', '--out', 'kept');
    expect([resumed.status, resumed.stderr]).toEqual([
      1,
      expect.stringMatching(/mpirun -np 2 npx fedloom node .* 1 1 1 --resume/),
    ]);
  });
});
