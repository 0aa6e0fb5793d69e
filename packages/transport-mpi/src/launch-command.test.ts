import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { alone, lastEvent } from './testing/alone.js';
import { CLOUDS } from './testing/clouds.js';
import { COMMAND, describeWithMpi } from './testing/mpirun.js';

const cwd = mkdtempSync(join(tmpdir(), 'fedloom-mpi-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
writeFileSync(join(cwd, 'task.ts'), CLOUDS);
// Names of this machine: mpirun needs no ssh.
writeFileSync(join(cwd, 'hosts'), '# the server first\nlocalhost slots=5\n');
writeFileSync(join(cwd, 'elsewhere'), 'head.example\nlocalhost\n');

describeWithMpi('fedloom launch --mpi', () => {
  it('composes the mpirun that trains the model of the simulation, to the bit', () => {
    const size = ['task.ts', '4', '2', '3', '--json'];
    const { modelHash } = lastEvent(alone(cwd, 'run', ...size).stdout);
    const { stdout, stderr, status } = alone(cwd, 'launch', ...size, '--hostfile', 'hosts', '--mpi');
    expect([status, lastEvent(stdout)]).toMatchObject([0, { event: 'finished', modelHash }]);
    expect(stderr).toMatch(/localhost {2}ranks 0, 1, 2, 3, 4 \(0: the server\), this machine/);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    expect(events).toEqual(['started', 'round', 'round', 'round', 'finished']);
  });

  it('only shows it with --dry-run', () => {
    const { stdout, stderr, status } = alone(
      cwd,
      'launch',
      'task.ts',
      '2',
      '1',
      '1',
      '--hostfile',
      'hosts',
      '--mpi',
      '--dry-run',
    );
    expect(status).toBe(0);
    expect(stdout + stderr).toMatch(/localhost slots=3\nmpirun .*-np 3 --hostfile \S+ .* node task\.ts 2 1 1 /);
  });

  it('says what cannot be started from here', () => {
    const far = alone(cwd, 'launch', 'task.ts', '2', '1', '1', '--hostfile', 'elsewhere', '--mpi');
    expect([far.status, far.stderr]).toEqual([
      1,
      expect.stringMatching(/mpirun starts on .*: head\.example\. Start this/),
    ]);
    const many = alone(cwd, 'launch', 'task.ts', '5', '1', '1', '--hostfile', 'hosts', '--mpi');
    expect([many.status, many.stderr]).toEqual([
      2,
      expect.stringMatching(/6 processes .* do not fit the slots of hosts/),
    ]);
  });

  it('ends all ranks in order at Ctrl-C, with the model so far', async () => {
    const out = join(cwd, 'interrupted');
    const args = ['launch', 'task.ts', '2', '2', '100000', '--hostfile', 'hosts', '--mpi', '--json', '--out', out];
    const child = spawn(process.execPath, [COMMAND, ...args], { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.includes('"event":"round"')) resolve();
      });
    });
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(130);
    const [run = ''] = readdirSync(out);
    expect(readdirSync(join(out, run))).toContain('model.safetensors');
    expect(JSON.parse(readFileSync(join(out, run, 'run.json'), 'utf8'))).toMatchObject({ status: 'cancelled' });
  });
});
