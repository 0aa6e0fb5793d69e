import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Host } from './hostfile/host.js';
import { type SshOptions, sshPlace } from './ssh.js';

/** The name or address that ssh's configuration has for a host: of an alias what it stands for. Nothing is connected to. */
export async function resolvedName(host: Host, ssh: SshOptions): Promise<string> {
  const settings = await promisify(execFile)('ssh', ['-G', ...sshPlace(ssh, host)]).catch(() => ({ stdout: '' }));
  return /^hostname (\S+)$/m.exec(settings.stdout)?.[1] ?? host.name;
}
