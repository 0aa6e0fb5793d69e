import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';
import { SshHosts, sshMissing } from './ssh-hosts.js';

const USAGE = 2;
const FAILED = 1;

describe('launch refuses before anything is started', () => {
  const cases: readonly (readonly [what: string, hosts: string, args: string, code: number, message: string])[] = [
    ['no host file', '', '2 2 1', USAGE, 'Which hosts? Give --hostfile FILE'],
    ['a host file that is not there', '', '2 2 1 --hostfile none', FAILED, 'Cannot read the host file none'],
    ['an empty one', '# nobody\n', '2 2 1 --hostfile hosts', FAILED, 'hosts names no host.'],
    ['one with a slip', 'a\nb slotz=2\n', '2 2 1 --hostfile hosts', FAILED, 'hosts:2:3: unknown setting "slotz".'],
    [
      'more processes than slots',
      '127.0.0.1 slots=2\n127.0.0.2:3\n',
      '10 5 1 --hostfile hosts',
      USAGE,
      '11 processes (the server and 10 clients) do not fit the slots of hosts: 127.0.0.1 2 + 127.0.0.2 3 = 5, 6 too few.',
    ],
    [
      'a server that others would look for on themselves',
      'localhost\nb.invalid\n',
      '2 2 1 --hostfile hosts',
      USAGE,
      'The first host of hosts is localhost, by which every other machine means itself.',
    ],
  ];
  it.each(cases)('%s', async (_what, hosts, args, code, message) => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts });
    const launched = await place.run(`launch task.ts ${args}`, { SLURM_JOB_NODELIST: '', PBS_NODEFILE: '' });
    expect(launched.stderr).toContain(`fedloom: ${message}`);
    expect(launched.stderr.trim().split('\n')).toHaveLength(1);
    expect(launched.code).toBe(code);
  });

  it('a task that the server cannot load, with what the server says', async () => {
    const place = await Workplace.create({ hosts: '127.0.0.1\n' });
    const launched = await place.run('launch task.ts 2 2 1 --hostfile hosts --port 0 --json');
    expect(launched.stderr).toContain('[0 127.0.0.1] fedloom: There is no task file task.ts.');
    expect(JSON.parse(launched.stdout)).toMatchObject({ event: 'error', code: 'task.not-found' });
    expect(launched.code).toBe(FAILED);
  });
});

describe.skipIf(sshMissing)(`launch by ssh fails${sshMissing === undefined ? '' : ` (${sshMissing})`}`, () => {
  let hosts: SshHosts;
  beforeAll(async () => {
    hosts = await SshHosts.start(['ComputeNode1']);
  });
  afterAll(() => hosts?.stop());

  const cases: readonly (readonly [what: string, host: string, args: string, message: RegExp])[] = [
    [
      'where a host is unknown',
      'nobody.invalid',
      '',
      /ssh ended with exit code 255\.\n {2}ssh: Could not resolve .*\nCheck the name/,
    ],
    [
      'where no ssh server listens',
      'ComputeNode1',
      '--ssh-port 1',
      /\n {2}ssh: .* Connection refused\nNo ssh server listens there/,
    ],
    [
      'without a key',
      'ComputeNode1',
      '--ssh-option PubkeyAuthentication=no',
      /Permission denied .*\nIt must let this machine in without a password: `npx fedloom ssh-setup`/,
    ],
    [
      'where the host key is unknown',
      'ComputeNode1',
      '--ssh-option UserKnownHostsFile=/dev/null --ssh-option GlobalKnownHostsFile=/dev/null',
      /Host key verification failed.*\nIts host key is unknown/,
    ],
    [
      'without the folder',
      'ComputeNode1',
      '--cwd /no/such/folder',
      /there is no folder \/no\/such\/folder there\. .* --cwd/,
    ],
    [
      'where fedloom is not found',
      'ComputeNode1',
      '--command no-such-fedloom',
      /exit code 127\.\n.*no-such-fedloom.*not found\nSay how fedloom is called there with --command/,
    ],
  ];
  it.each(cases)('%s', async (_what, host, args, message) => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, hosts: `127.0.0.1\n${host}\n` });
    const launched = await place.run(
      `launch task.ts 1 1 1 --hostfile hosts --address 127.0.0.1 --port 0 --ssh-config ${hosts.config} ${args}`,
    );
    expect(launched.stderr).toMatch(new RegExp(`^fedloom: Rank 1 on ${host}`));
    expect(launched.stderr).toMatch(message);
    expect(launched.code).toBe(FAILED);
  });

  it('--dry-run shows commands that can be copied, and starts nothing', async () => {
    const place = await Workplace.create({ 'my task.ts': CLOUDS, hosts: '127.0.0.1\nComputeNode1\n' });
    const args = ['launch', 'my task.ts', '2', '1', '3', '--hostfile', 'hosts', '--address', 'head'];
    const options = [
      '--algorithm',
      'fedProx(mu=0.1)',
      '--ssh-config',
      hosts.config,
      '--dry-run',
      '--data',
      'parts/{host}',
    ];
    const { stdout, code } = await place.run([...args, ...options]);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'The server and 2 clients on 2 hosts of hosts; rank r is client r - 1.',
      '  127.0.0.1     ranks 0, 2 (0: the server), this machine',
      '  ComputeNode1  rank 1',
      'For this run alone: a certificate for head and a token for each process of clients, in $FEDLOOM_PRIVATE of each process.',
    ]);
    const serve =
      /^\(cd \/.* && .* server 'my task\.ts' 2 1 3 .* --algorithm 'fedProx\(mu=0\.1\)' .* --listen 0\.0\.0\.0:8080 .*/;
    const clients = [
      / client --server wss:\/\/head:8080 --index 1 --same-version --data parts\/127\.0\.0\.1 .*/,
      new RegExp(
        `^ssh -T .* -F ${hosts.config} -- ComputeNode1 'cd ${place.path} && .* --index 0 --same-version --data parts/ComputeNode1 .*`,
      ),
    ];
    const [ofServer, ofClient] = [
      / --tls-cert "\$FEDLOOM_PRIVATE\/server\.pem" --tls-key "\$FEDLOOM_PRIVATE\/server\.key" --token-file "\$FEDLOOM_PRIVATE\/token"\)$/,
      / --tls-ca "\$FEDLOOM_PRIVATE\/ca\.pem" --token-file "\$FEDLOOM_PRIVATE\/token"[')]$/,
    ];
    expect(lines[4]).toMatch(serve);
    expect(lines[4]).toMatch(ofServer);
    for (const [i, pattern] of clients.entries()) {
      expect(lines[5 + i]).toMatch(pattern);
      expect(lines[5 + i]).toMatch(ofClient);
    }
    expect(stdout).not.toContain('--insecure');
    const open = await place.run([...args, ...options, '--insecure']);
    expect(open.stdout).toMatch(/--listen 0\.0\.0\.0:8080 --insecure/);
    expect(open.stdout).not.toMatch(/--tls|--token/);
  });
});
