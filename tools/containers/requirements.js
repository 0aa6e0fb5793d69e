// What must be on the machine, and the line that installs it.
import { spawnSync } from 'node:child_process';

const PROGRAMS = {
  dockerd: 'docker.io',
  docker: 'docker.io',
  'docker-compose': 'docker-compose',
  debootstrap: 'debootstrap',
  unshare: 'util-linux',
  ip: 'iproute2',
  iptables: 'iptables',
};
const PACKAGES = [...new Set(Object.values(PROGRAMS)), 'debian-archive-keyring'];

const INSTALL = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...PACKAGES];

/** @returns {string | undefined} why no engine can be started here, with how to mend it */
export function missing() {
  if (process.platform !== 'linux') return 'An engine of its own is started on Linux alone.';
  const absent = absentPrograms();
  if (absent.length > 0) return `Not found: ${absent.join(', ')}. Install with: ${INSTALL.join(' ')}`;
  if (process.getuid?.() !== 0) return 'Only root can start an engine: try again with sudo.';
  const made = spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', 'true'], { encoding: 'utf8' });
  return made.status === 0 ? undefined : `This machine does not let root make namespaces: ${made.stderr.trim()}`;
}

/** Installs what is missing; at once done where nothing is. */
export function install() {
  if (absentPrograms().length === 0) return;
  for (const [program, ...args] of [['apt-get', 'update', '--quiet'], INSTALL]) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { status } = spawnSync(program, args, { env, stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed with exit code ${status}.`);
  }
}

function absentPrograms() {
  return Object.keys(PROGRAMS).filter((program) => spawnSync('which', [program]).status !== 0);
}
