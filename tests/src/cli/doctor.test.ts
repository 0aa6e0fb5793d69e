import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';
import { SshHosts, sshMissing } from './ssh-hosts.js';

it('doctor looks at this machine where nobody names hosts', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  const { stdout, code } = await place.run('doctor task.ts', { SLURM_JOB_NODELIST: '', PBS_NODEFILE: '' });
  expect(stdout).toMatch(/^host .*state\nthis machine +\S+ .* ready\n$/);
  expect(code).toBe(0);
});

it('doctor wants the number of clients where their data lie apart', async () => {
  const place = await Workplace.create({ hosts: '127.0.0.1\n' });
  const { stderr, code } = await place.run('doctor --hostfile hosts --data d/{rank}');
  expect(stderr).toContain('say also how many clients there are');
  expect(code).toBe(2);
});

describe.skipIf(sshMissing)(`doctor by ssh${sshMissing === undefined ? '' : ` (${sshMissing})`}`, () => {
  let hosts: SshHosts;
  beforeAll(async () => {
    hosts = await SshHosts.start(['ComputeNode1', 'Gone']);
    hosts.kill('Gone');
  });
  afterAll(() => hosts?.stop());

  it('says in one table which hosts are ready, and what is wrong with the others', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: '127.0.0.1\nComputeNode1\nGone\n', 'data/2': '' });
    await place.write('there/task.ts', CLOUDS.replace('dense(3)', 'dense(9), dense(3)'));
    await place.write('there/data/1', '');
    const args = `doctor task.ts 3 --hostfile hosts --ssh-config ${hosts.config} --data data/{rank}`;
    const same = await place.run(`${args} --json`);
    const event = JSON.parse(same.stdout);
    expect(event.hosts).toMatchObject([
      { host: '127.0.0.1', fedloom: expect.stringMatching(/^\d+\.\d+/), missing: ['data/3'] },
      { host: 'ComputeNode1', fedloom: expect.stringMatching(/^\d+\.\d+/), missing: ['data/1'] },
      { host: 'Gone', findings: [{ kind: 'problem' }] },
    ]);
    expect(same.stderr).toMatch(/Gone +- .* not reached\n/);
    expect(same.stderr).toMatch(/problem: Gone: ssh: .*Connection refused.*No ssh server listens there/);
    expect(same.code).toBe(1);
  });

  it('finds another fedloom and another plan', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: 'ComputeNode1\n' });
    await place.write('there/task.ts', CLOUDS.replace('dense(3)', 'dense(9), dense(3)'));
    await place.write('there/fedloom', 'echo 9.9.9\n');
    const args = `doctor task.ts --hostfile hosts --ssh-config ${hosts.config} --cwd ${join(place.path, 'there')}`;
    const other = await place.run([...args.split(' '), '--command', 'sh ./fedloom']);
    expect(other.stdout).toContain('problem: ComputeNode1: It has fedloom 9.9.9, this machine ');
    expect(other.code).toBe(1);
    expect((await place.run(args)).stdout).toContain('problem: ComputeNode1: Its task file gives another plan');
    await place.write('there/task.ts', CLOUDS);
    expect((await place.run(args)).stdout).toMatch(/ComputeNode1 .* ready\n$/);
  });
});
