import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { alone, lastEvent } from './testing/alone.js';
import { CLOUDS } from './testing/clouds.js';
import { COMMAND } from './testing/mpirun.js';
import { describeWithSlurm, type Slurm, startSlurm } from './testing/slurm.js';

describeWithSlurm('ranks that srun started', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'fedloom-mpi-'));
  let slurm: Slurm;
  beforeAll(async () => {
    writeFileSync(join(cwd, 'task.ts'), CLOUDS);
    slurm = await startSlurm();
  });
  afterAll(async () => {
    await slurm.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  it.each([
    ['clients of the first', 'node', ['task.ts', '2', '2', '2']],
    ['a job pool that sends partial sums', 'run', ['task.ts', '8', '4', '2', '--partial-sums']],
  ])('train the model of one process, to the bit: %s', (_what, command, args) => {
    const { modelHash } = lastEvent(alone(cwd, 'run', ...args.filter((arg) => !arg.startsWith('--')), '--json').stdout);
    const { status, stdout } = slurm.srun(3, [process.execPath, COMMAND, command, ...args, '--json'], cwd);
    expect([status, lastEvent(String(stdout)).modelHash]).toEqual([0, modelHash]);
    expect(modelHash).toMatch(/^sha256:/);
  });
});
