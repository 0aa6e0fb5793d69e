import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** Fresh hosts have mounts of their own, which takes root. */
export const freshMissing = sshMissing ?? (userInfo().uid === 0 || process.env.CI === 'true' ? undefined : 'be root');

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

  /**
   * @param names in order: the first is at 127.0.0.2, the second at 127.0.0.3
   * @param fresh hosts that let nobody in but by this password, with an empty home folder of their own
   */
  static async start(names: readonly string[], fresh?: { readonly password: string }): Promise<SshHosts> {
    const hosts = new SshHosts(await mkdtemp(join(tmpdir(), 'fedloom-ssh-')), await freePort());
    await hosts.#makeKeys();
    const addresses = names.map((name, i): [string, string] => [name, `127.0.0.${i + 2}`]);
    if (fresh !== undefined) await hosts.#makeMounts(addresses, fresh.password);
    for (const [name, address] of addresses) await hosts.#add(name, address, fresh !== undefined);
    await hosts.#configure(fresh !== undefined);
    return hosts;
  }

  /** As if the host lost its power: its ssh server and whatever came in by it, without a word. */
  kill(name: string): void {
    const pid = this.#hosts.get(name)?.server.pid;
    if (pid === undefined) throw new Error(`no host ${name}`);
    for (const one of [pid, ...descendants(pid, (args) => args.includes('sshd'))]) killIfThere(one);
  }

  async stop(): Promise<void> {
    for (const { server } of this.#hosts.values()) {
      for (const pid of server.pid === undefined ? [] : descendants(server.pid, (args) => args.includes('sshd')))
        killIfThere(pid);
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

  /** What fresh hosts see in the place of this machine's files. */
  async #makeMounts(addresses: readonly (readonly [string, string])[], password: string): Promise<void> {
    const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password }).toString().trim();
    await writeFile(join(this.folder, 'shadow'), `root:${hash}:19000:0:99999:7:::\n`);
    await writeFile(join(this.folder, 'hosts'), addresses.map(([name, address]) => `${address} ${name}\n`).join(''));
  }

  async #add(name: string, address: string, fresh: boolean): Promise<void> {
    const { folder, port } = this;
    const settings = [
      `ListenAddress ${address}:${port}`,
      `HostKey ${join(folder, 'host_key')}`,
      `AuthorizedKeysFile ${fresh ? '.ssh/authorized_keys' : join(folder, 'authorized_keys')}`,
      `PidFile ${join(folder, `${name}.pid`)}`,
      ...['StrictModes no', 'UsePAM no', 'PermitRootLogin yes', `PasswordAuthentication ${fresh ? 'yes' : 'no'}`],
    ];
    const file = join(folder, `sshd-${name}`);
    await writeFile(file, `${settings.join('\n')}\n`);
    const program = [SSHD, '-D', '-e', '-f', file];
    const mounts = `mount -t tmpfs tmpfs ~ && mount --bind "$0/shadow" /etc/shadow && mount --bind "$0/hosts" /etc/hosts`;
    const command = fresh ? ['unshare', '-m', 'sh', '-c', `${mounts} && exec "$@"`, folder, ...program] : program;
    const server = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
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

  async #configure(fresh: boolean): Promise<void> {
    const { folder, port } = this;
    const known = join(folder, 'known_hosts');
    const hostKey = execFileSync('cat', [join(folder, 'host_key.pub')]).toString();
    // Fresh hosts are met for the first time.
    if (fresh) await writeFile(known, '');
    else
      await writeFile(
        known,
        [...this.#hosts.values()].map(({ address }) => `[${address}]:${port} ${hostKey}`).join(''),
      );
    const all = [
      `Port ${port}`,
      ...(fresh ? [] : [`IdentityFile ${this.key}`]),
      'IdentitiesOnly yes',
      `UserKnownHostsFile ${known}`,
    ];
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

/** Processes that run in a folder or below it: what `ps` shows of them is theirs to say. */
export function runningIn(folder: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      const shown = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // One that has ended and was not buried has none.
      return cwd.startsWith(folder) && shown !== '' ? [`${pid} ${shown}`] : [];
    } catch {
      return [];
    }
  });
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

/** One that was listed may have ended since. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
