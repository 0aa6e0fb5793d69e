/** Containers as hosts of a cluster: an ssh server in each, the names of a host file, and a project folder that all share. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from './engine.js';

const NETWORK = 'fedloom-test-cluster';

export class Cluster {
  private constructor(
    readonly engine: Engine,
    readonly hosts: readonly string[],
    readonly folder: string,
  ) {}

  /** @param files of the project folder; the host file, `mpi_host_file`, is added */
  static async start(
    engine: Engine,
    hosts: readonly string[],
    files: Readonly<Record<string, string>>,
  ): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-cluster-'));
    // The containers' user is another than the one who tests.
    await chmod(folder, 0o777);
    const all = { ...files, mpi_host_file: hosts.map((host) => `${host}\n`).join('') };
    for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text);
    const key = join(folder, 'login-key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const publicKey = (await readFile(`${key}.pub`, 'utf8')).trim();
    const cluster = new Cluster(engine, hosts, folder);
    await engine.docker('network', 'create', NETWORK);
    for (const host of hosts) {
      const names = ['--name', host, '--hostname', host, '--network', NETWORK];
      const shared = ['--shm-size', '1g', '--volume', `${folder}:/work`, '--env', `LOGIN_KEY=${publicKey}`];
      await engine.docker('run', '--detach', ...names, ...shared, 'fedloom', 'ssh-node');
    }
    // A private key that others may read is none to ssh.
    await engine.feed(hosts[0] ?? '', 'umask 077 && cat > ~/.ssh/login-key', await readFile(key));
    return cluster;
  }

  /** Runs a line of shell on the first host, as a user does in `docker exec -it`. */
  async onHead(line: string): Promise<string> {
    return this.engine.docker('exec', this.hosts[0] ?? '', 'sh', '-c', line);
  }

  async stop(): Promise<void> {
    await this.engine.docker('rm', '--force', ...this.hosts);
    await this.engine.docker('network', 'rm', NETWORK);
    await rm(this.folder, { recursive: true, force: true });
  }
}
