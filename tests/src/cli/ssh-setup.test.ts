import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Workplace } from './fedloom.js';
import { freshMissing, SshHosts } from './ssh-hosts.js';

const HOSTS = ['HeadNode', 'ComputeNode1', 'ComputeNode2'];
const PASSWORD = "it's a $ecret";

describe.skipIf(freshMissing)(`ssh-setup${freshMissing === undefined ? '' : ` (${freshMissing})`}`, () => {
  let hosts: SshHosts | undefined;
  afterEach(() => hosts?.stop());

  const fresh = async () => {
    hosts = await SshHosts.start(HOSTS, { password: PASSWORD });
    const place = await Workplace.create({
      hosts: `${HOSTS.join('\n')}\n`,
      password: `${PASSWORD}\n`,
      wrong: 'wrong\n',
    });
    const own = `ssh-setup --hostfile hosts --ssh-config ${hosts.config} --ssh-key keys/own --ssh-port ${hosts.port}`;
    return { place, own, config: hosts.config };
  };

  it('makes a key and has fresh hosts let it in by their password, once, and each other', async () => {
    const { place, own, config } = await fresh();
    const first = await place.run(`${own} --password-file password --mesh`);
    expect(first.stderr).toBe('');
    expect(first.stdout).toContain('Made the key');
    expect(first.stdout).toMatch(/ComputeNode2 +lets this machine in now/);
    expect(first.stdout).toContain('Each of them gets to each other.');
    expect(first.code).toBe(0);
    const again = await place.run(`${own} --json`);
    expect(JSON.parse(again.stdout)).toEqual({
      event: 'ssh-setup',
      hosts: HOSTS.map((host) => ({ host, state: 'let it in before' })),
    });
    // A key that is let in lets others in.
    const other = await place.run(
      `ssh-setup --hostfile hosts --ssh-config ${config} --ssh-key keys/other --login-key keys/own --json`,
    );
    expect(other.code).toBe(0);
    expect(await readFile(join(place.path, 'keys/other.pub'), 'utf8')).toMatch(/^ssh-ed25519 /);
  });

  it('says which hosts do not let it in, and what would help', async () => {
    const { place, own } = await fresh();
    const nothing = await place.run(own);
    expect(nothing.stderr).toMatch(/^fedloom: HeadNode:\n {2}.*Permission denied .*\nIt lets this machine in neither/);
    expect(nothing.stderr).toContain('ComputeNode2:\n');
    expect(nothing.code).toBe(1);
    const wrong = await place.run(`${own} --password-file wrong`);
    expect(wrong.stderr).toContain('Give --login-key or --password-file');
    expect(wrong.code).toBe(1);
    await place.write('hosts', 'nobody.invalid\n');
    const unknown = await place.run(own);
    expect(unknown.stderr).toMatch(/nobody\.invalid:\n.*Could not resolve hostname.*\nCheck the name in the host file/);
  });
});
