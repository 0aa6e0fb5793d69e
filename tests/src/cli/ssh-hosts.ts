import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const SSHD = '/usr/sbin/sshd';
/** What installs an ssh server; without one these tests are skipped, but never where the project is checked. */
export const sshMissing =
  existsSync(SSHD) || process.env.CI === 'true' ? undefined : 'install it: apt-get install openssh-server';

/** A host of a cluster: an ssh server of its own, at an address of its own on the loopback interface. */
interface SshHost {
  readonly name: string;
  readonly address: string;
  readonly server: ChildProcess;
}

/** Hosts that can be reached by ssh under names that only `config` knows. */
export class SshHosts {
  readonly config: string;
  readonly #hosts = new Map<string, SshHost>();

  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {
    this.config = join(folder, 'config');
  }

  /** @param names in order: the first is at 127.0.0.2, the second at 127.0.0.3 */
  static async start(names: readonly string[]): Promise<SshHosts> {
    const hosts = new SshHosts(await mkdtemp(join(tmpdir(), 'fedloom-ssh-')), await freePort());
    await hosts.#makeKeys();
    for (const [i, name] of names.entries()) await hosts.#add(name, `127.0.0.${i + 2}`);
    await hosts.#configure();
    return hosts;
  }

  /** As if the host lost its power: its ssh server and whatever came in by it, without a word. */
  kill(name: string): void {
    const pid = this.#hosts.get(name)?.server.pid;
    if (pid === undefined) throw new Error(`no host ${name}`);
    for (const one of [pid, ...descendants(pid, (args) => args.includes('sshd'))]) process.kill(one, 'SIGKILL');
  }

  async stop(): Promise<void> {
    for (const { server } of this.#hosts.values()) {
      for (const pid of server.pid === undefined ? [] : descendants(server.pid, (args) => args.includes('sshd')))
        process.kill(pid, 'SIGKILL');
      server.kill('SIGKILL');
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Of a key that all hosts let in. */
  get key(): string {
    return join(this.folder, 'key');
  }

  async #makeKeys(): Promise<void> {
    // Where the ssh server puts those who have not logged in yet; only root needs it.
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
    await chmod(this.folder, 0o700);
    for (const name of ['key', 'host_key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.folder, name)]);
    }
    execFileSync('cp', [join(this.folder, 'key.pub'), join(this.folder, 'authorized_keys')]);
  }

  async #add(name: string, address: string): Promise<void> {
    const { folder, port } = this;
    const settings = [
      `ListenAddress ${address}:${port}`,
      `HostKey ${join(folder, 'host_key')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
      `PidFile ${join(folder, `${name}.pid`)}`,
      ...['StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'PasswordAuthentication no'],
    ];
    const file = join(folder, `sshd-${name}`);
    await writeFile(file, `${settings.join('\n')}\n`);
    const server = spawn(SSHD, ['-D', '-e', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    this.#hosts.set(name, { name, address, server });
    while (!(await accepts(address, port))) {
      if (server.exitCode !== null) throw new Error(`sshd ended: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #configure(): Promise<void> {
    const { folder, port } = this;
    const known = join(folder, 'known_hosts');
    const hostKey = execFileSync('cat', [join(folder, 'host_key.pub')]).toString();
    await writeFile(known, [...this.#hosts.values()].map(({ address }) => `[${address}]:${port} ${hostKey}`).join(''));
    const all = [`Port ${port}`, `IdentityFile ${this.key}`, 'IdentitiesOnly yes', `UserKnownHostsFile ${known}`];
    const aliases = [...this.#hosts.values()].map(({ name, address }) => `Host ${name}\n  HostName ${address}\n`);
    await writeFile(this.config, `${aliases.join('')}Host *\n${all.map((line) => `  ${line}\n`).join('')}`);
  }
}

/** Processes below one, whose command line passes the test. */
export function descendants(of: number, test: (args: string) => boolean): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args=']).toString().trim().split('\n');
  const rows = table.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []);
  const below = (parent: number): number[] =>
    rows
      .filter(([, , ppid]) => Number(ppid) === parent)
      .flatMap(([, pid, , args = '']) => [...(test(args) ? [Number(pid)] : []), ...below(Number(pid))]);
  return below(of);
}

/** Processes whose command line holds a text. */
export function running(text: string): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args=']).toString().split('\n');
  return lines.filter((line) => line.includes(text));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => {}).unref();
    socket.once('connect', () => socket.destroy());
  });
}
