import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';

const DAEMONS = { munged: '/usr/sbin/munged', slurmctld: '/usr/sbin/slurmctld', slurmd: '/usr/sbin/slurmd' } as const;
const INSTALL = 'apt-get install slurm-wlm munge openmpi-bin libopenmpi-dev g++';
/** Of jobs that the node may have at a time, more than there are cores. */
const SLOTS = 8;
const START_MS = 20_000;
const LOOK_AGAIN_MS = 100;

// A node's daemon needs root.
const installed =
  userInfo().uid === 0 && Object.values(DAEMONS).every(existsSync) && spawnSync('mpicxx', ['--version']).status === 0;

/** Tests under a real Slurm of one node: left out where there is none, but never in CI. */
export function describeWithSlurm(name: string, tests: () => void): void {
  if (!installed && process.env.CI === 'true') throw new Error(`These tests need Slurm, as root: ${INSTALL}`);
  describe.skipIf(!installed)(installed ? name : `${name} (needs Slurm, as root: ${INSTALL})`, tests);
}

export interface Slurm {
  /** Runs a program as so many tasks of a job. */
  srun(tasks: number, command: readonly string[], cwd: string): ReturnType<typeof spawnSync>;
  stop(): Promise<void>;
}

/** Starts a cluster of this machine alone, in a folder of its own and at ports that nobody has. */
export async function startSlurm(): Promise<Slurm> {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-slurm-'));
  const at = (name: string) => join(folder, name);
  for (const name of ['state', 'spool']) mkdirSync(at(name));
  writeFileSync(at('munge.key'), randomBytes(1024), { mode: 0o600 });
  const node = hostname().split('.')[0];
  const [controlPort, nodePort] = [await freePort(), await freePort()];
  const settings = [
    ...['ClusterName=test', `SlurmctldHost=${node}(127.0.0.1)`, 'SlurmUser=root', 'AuthType=auth/munge'],
    ...[`AuthInfo=socket=${at('munge.socket')}`, `StateSaveLocation=${at('state')}`, `SlurmdSpoolDir=${at('spool')}`],
    ...[
      `SlurmctldPidFile=${at('slurmctld.pid')}`,
      `SlurmdPidFile=${at('slurmd.pid')}`,
      'ProctrackType=proctrack/linuxproc',
    ],
    ...['TaskPlugin=task/none', 'SelectType=select/cons_tres', 'SelectTypeParameters=CR_CPU', 'ReturnToService=2'],
    ...[`SlurmctldPort=${controlPort}`, `SlurmdPort=${nodePort}`, 'SchedulerType=sched/builtin'],
    ...[`NodeName=${node} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN`],
    ...[`PartitionName=all Nodes=${node} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:${SLOTS}`],
  ];
  writeFileSync(at('slurm.conf'), `${settings.join('\n')}\n`);
  const env = { ...process.env, SLURM_CONF: at('slurm.conf') };
  const mungeFiles = [
    `--key-file=${at('munge.key')}`,
    `--pid-file=${at('munge.pid')}`,
    `--seed-file=${at('munge.seed')}`,
  ];
  const daemons: ChildProcess[] = [];
  const start = (name: keyof typeof DAEMONS, args: readonly string[]) =>
    daemons.push(spawn(DAEMONS[name], args, { env, stdio: 'ignore' }));
  start('munged', ['--foreground', '--force', `--socket=${at('munge.socket')}`, ...mungeFiles]);
  await until(() => existsSync(at('munge.socket')));
  start('slurmctld', ['-D']);
  start('slurmd', ['-D', '-N', `${node}`]);
  await until(() => spawnSync('sinfo', ['-h', '-o', '%T'], { env, encoding: 'utf8' }).stdout.trim() === 'idle');
  return {
    srun: (tasks, command, cwd) =>
      spawnSync('srun', ['--mpi=pmix', '--overcommit', '-n', String(tasks), ...command], {
        cwd,
        env,
        encoding: 'utf8',
      }),
    async stop() {
      for (const daemon of daemons.reverse()) {
        daemon.kill();
        if (daemon.exitCode === null) await new Promise((resolve) => daemon.once('exit', resolve));
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + START_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error('Slurm has not started');
    await sleep(LOOK_AGAIN_MS);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
