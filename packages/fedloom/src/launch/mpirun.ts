import { FedloomError } from '@fedloom/engine/base';
import type { HostList } from './hostfile/host.js';
import { shellWords } from './shell-words.js';
import type { SshOptions } from './ssh.js';

/** The kinds of `mpirun` whose arguments are known. */
export type MpirunKind = 'Open MPI' | 'MPICH';

/** What `mpirun --version` says. @throws FedloomError `launch.mpirun` for an MPI that is neither */
export function mpirunKind(version: string): MpirunKind {
  if (/Open MPI|OpenRTE/i.test(version)) return 'Open MPI';
  // Hydra starts the processes of MPICH, and of those made of it.
  if (/HYDRA/i.test(version)) return 'MPICH';
  const [first = ''] = version.trim().split('\n');
  throw new FedloomError(
    'launch.mpirun',
    `mpirun is neither that of Open MPI nor that of MPICH; it says: "${first}". Start the ranks with it by hand: ` +
      'mpirun -np 11 npx fedloom node TASK 10 5 50.',
    { says: first },
  );
}

export interface MpirunRequest {
  readonly kind: MpirunKind;
  readonly list: HostList;
  /** The ranks of each host, as `placeRanks` deals them. */
  readonly ranks: readonly (readonly number[])[];
  /** Where the file with `mpirunHosts` lies. */
  readonly hostFile: string;
  /** The folder that all ranks run in. */
  readonly folder: string;
  readonly asRoot: boolean;
  readonly ssh: SshOptions;
  /** What each rank runs, as a shell reads it. */
  readonly command: string;
}

/** A host file of this MPI by which it deals the ranks as they are dealt here. */
export function mpirunHosts(kind: MpirunKind, { hosts }: HostList, ranks: readonly (readonly number[])[]): string {
  if (kind === 'Open MPI') {
    const lines = hosts.flatMap(({ name }, i) => (ranks[i]?.length ? [`${name} slots=${ranks[i]?.length}`] : []));
    return `${lines.join('\n')}\n`;
  }
  // Hydra fills one line after the other: a line a rank says where each goes.
  const lines = ranks
    .flatMap((own, i) => own.map((rank) => ({ rank, line: `${hosts[i]?.name}:1` })))
    .sort((a, b) => a.rank - b.rank);
  return `${lines.map(({ line }) => line).join('\n')}\n`;
}

/** The command that starts all ranks, as a shell reads it. @throws FedloomError `launch.mpi-users` */
export function mpirunCommand(request: MpirunRequest): string {
  const { kind, ranks, hostFile, folder, asRoot, command } = request;
  const size = `${ranks.reduce((sum, { length }) => sum + length, 0)}`;
  const remote = sshWords(request);
  if (kind === 'MPICH') {
    // `sh` calls no assignment of a variable that is quoted.
    const extra = remote.length === 0 ? [] : ['env', `HYDRA_LAUNCHER_EXTRA_ARGS=${remote.join(' ')}`];
    return `${shellWords([...extra, 'mpirun', '-f', hostFile, '-np', size, '-bind-to', 'none', '-wdir', folder])} ${command}`;
  }
  const options = [
    ...(asRoot ? ['--allow-run-as-root'] : []),
    ...['-np', size, '--hostfile', hostFile, '--map-by', 'node', '--bind-to', 'none', '-wdir', folder],
    ...(remote.length === 0 ? [] : ['--mca', 'plm_rsh_args', remote.join(' ')]),
  ];
  return `${shellWords(['mpirun', ...options])} ${command}`;
}

/** What mpirun is to hand to ssh, which it calls itself: for all hosts the same. */
function sshWords({ list, ssh }: MpirunRequest): string[] {
  const users = new Set(list.hosts.map(({ user }) => user ?? ssh.user));
  if (users.size > 1) {
    const names = [...users].map((user) => user ?? 'this user').join(', ');
    const message =
      `${list.source} names several users (${names}), but mpirun logs in everywhere as one. ` +
      "Write them into ssh's configuration instead (User), for instance by Host entries.";
    throw new FedloomError('launch.mpi-users', message, { source: list.source });
  }
  const [user] = users;
  return [
    ...['-o', 'BatchMode=yes'],
    ...(ssh.config === undefined ? [] : ['-F', ssh.config]),
    ...(ssh.key === undefined ? [] : ['-i', ssh.key]),
    ...(ssh.port === undefined ? [] : ['-p', `${ssh.port}`]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(ssh.options ?? []).flatMap((option) => ['-o', option]),
  ];
}
