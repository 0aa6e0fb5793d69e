import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';
import { running, SshHosts, sshMissing } from './ssh-hosts.js';

const HOSTS = ['HeadNode', 'ComputeNode1', 'ComputeNode2'];

describe('launch on this machine', () => {
  it('trains over the hosts of a file to the hash of the run in one process', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: '127.0.0.1\n127.0.0.2\n127.0.0.3\n' });
    const launched = await place.run('launch task.ts 6 3 4 --seed 5 --port 0 --hostfile hosts --json');
    expect(launched.stderr).toContain('127.0.0.1  ranks 0, 3, 6 (0: the server)');
    expect(launched.stderr).toContain('[1,4 127.0.0.2] Joined run');
    expect(launched.code).toBe(0);
    expect(hashOf(launched.stdout)).toBe(hashOf((await place.run('run task.ts 6 3 4 --seed 5 --json')).stdout));
    expect(running(place.path)).toEqual([]);
  });
});

describe.skipIf(sshMissing)(`launch by ssh${sshMissing === undefined ? '' : ` (${sshMissing})`}`, () => {
  let hosts: SshHosts;
  beforeAll(async () => {
    hosts = await SshHosts.start(HOSTS);
  });
  afterAll(() => hosts?.stop());
  const files = { 'task.ts': CLOUDS, hosts: `${HOSTS.join('\n')}\n` };
  const command = (rest: string) =>
    `launch task.ts ${rest} --hostfile hosts --ssh-config ${hosts.config} --address 127.0.0.1 --port 0`;

  it('trains to the hash of the run in one process, and has the model here', async () => {
    const place = await Workplace.create(files);
    await place.write('there/task.ts', CLOUDS);
    const launched = await place.run(command(`6 3 4 --json --cwd ${join(place.path, 'there')}`));
    expect(launched.stderr).toContain('[2,5 ComputeNode2] Joined run');
    expect(launched.code).toBe(0);
    const simulated = await place.run('run task.ts 6 3 4 --out simulated --json');
    expect(hashOf(launched.stdout)).toBe(hashOf(simulated.stdout));
    const finished = eventIn(launched.stdout, 'finished');
    expect(String(finished.model)).toBe(
      join(place.path, 'runs', (await readdir(join(place.path, 'runs')))[0] ?? '', 'model.safetensors'),
    );
    await access(String(finished.model));
    expect(running(place.path)).toEqual([]);
  });
});

function eventIn(stdout: string, name: string): Readonly<Record<string, unknown>> {
  const events = stdout
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  const found = events.find(({ event }) => event === name);
  if (found === undefined) throw new Error(`no event ${name} in ${stdout}`);
  return found;
}

function hashOf(stdout: string): unknown {
  return eventIn(stdout, 'finished').modelHash;
}
