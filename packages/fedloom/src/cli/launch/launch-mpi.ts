import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import type { HostList } from '../../launch/hostfile/host.js';
import { type MpirunKind, mpirunCommand, mpirunHosts, mpirunKind } from '../../launch/mpirun.js';
import { startMpirun } from '../../launch/mpirun-process.js';
import type { Place } from '../../launch/part.js';
import { placeRanks } from '../../launch/placement.js';
import { runSetup } from '../../launch/setup.js';
import { shellWords } from '../../launch/shell-words.js';
import { argument } from '../given.js';
import { watchInterrupts } from '../interrupts.js';
import { expectedHostsText } from '../node/expected-hosts.js';
import { type RunSettings, settingsAsArguments } from '../run-settings.js';
import { servingArguments } from '../serving-options.js';
import { siteArguments } from '../site-flags.js';
import type { Terminal } from '../terminal.js';
import { type HostFlags, sshOptionsOf } from './host-options.js';
import { type LaunchFlags, OWN_COMMAND } from './launch-plan.js';
import { planLines } from './launch-views.js';

export interface MpiLaunch {
  readonly task: string;
  readonly settings: RunSettings;
  readonly flags: HostFlags & LaunchFlags & { readonly setup?: string; readonly dryRun?: true };
  readonly list: HostList;
  readonly places: readonly Place[];
  readonly terminal: Terminal;
}

/**
 * Starts all ranks with the installed mpirun. @returns its exit code
 * @throws FedloomError `hostfile.slots`, `launch.mpi-elsewhere`, `launch.mpirun`, `launch.mpi-users`
 */
export async function launchMpi(request: MpiLaunch): Promise<number> {
  const { settings, flags, list, places, terminal } = request;
  const { screen } = terminal;
  const ranks = placeRanks(list, settings.clients + 1);
  const [first] = places;
  if (first?.ssh !== undefined) {
    const message =
      `mpirun starts on the server's machine, the first host of ${list.source}: ${first.host.name}. ` +
      'Start this command there, or leave out --mpi.';
    throw new FedloomError('launch.mpi-elsewhere', message, { host: first.host.name });
  }
  const kind = mpirunKind(await mpirunVersion());
  for (const line of planLines({ ranks }, { list, places, settings })) screen.line(line);
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-launch-'));
  try {
    const hostFile = join(folder, 'hosts');
    await writeFile(hostFile, mpirunHosts(kind, list, ranks));
    const command = commandOf(request, kind, ranks, hostFile);
    if (flags.dryRun) {
      screen.line(`With this as ${hostFile}:\n${mpirunHosts(kind, list, ranks)}${command}`);
      return 0;
    }
    return await runRanks(request, command, places);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runRanks(
  { flags, settings, terminal: { screen } }: MpiLaunch,
  command: string,
  places: readonly Place[],
): Promise<number> {
  const interrupts = watchInterrupts(() => screen.line('Stopping. Ctrl-C again stops at once.'));
  try {
    const onLine = (host: string, line: string) => screen.line(`${screen.colors.dim(`[${host}]`)} ${line}`);
    if (flags.setup !== undefined) await runSetup(flags.setup, places, onLine, interrupts.signal);
    if (interrupts.exitCode !== undefined) return interrupts.exitCode;
    // Rank 0 alone writes to stdout: what it tells programs, or people.
    const mpirun = startMpirun(command, (line, stream) => {
      if (settings.json && stream === 'stdout') process.stdout.write(`${line}\n`);
      else screen.line(line);
    });
    interrupts.signal.addEventListener('abort', () => mpirun.stop(), { once: true });
    const code = await mpirun.ended;
    return interrupts.exitCode ?? code ?? 1;
  } finally {
    interrupts.stop();
  }
}

function commandOf(
  { task, settings, flags, list, places }: MpiLaunch,
  kind: MpirunKind,
  ranks: readonly (readonly number[])[],
  hostFile: string,
): string {
  const expected = expectedHostsText(places.map(({ host }, i) => ({ name: host.name, ranks: ranks[i] ?? [] })));
  const args = [
    ...['node', task, ...settingsAsArguments(settings), ...servingArguments(flags)],
    ...argument('--data', flags.data),
    // Each rank puts its own host's name in.
    ...siteArguments(flags, '{host}'),
    ...['--expected-hosts', expected, '--until-stdin-ends'],
    ...(settings.json ? ['--json'] : []),
  ];
  return mpirunCommand({
    ...{ kind, list, ranks, hostFile, ssh: sshOptionsOf(flags) },
    folder: flags.cwd ?? process.cwd(),
    asRoot: process.getuid?.() === 0,
    command:
      flags.command === undefined ? shellWords([...OWN_COMMAND, ...args]) : `${flags.command} ${shellWords(args)}`,
  });
}

/** What mpirun says of itself. @throws FedloomError `launch.mpirun` where there is none */
function mpirunVersion(): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('mpirun', ['--version'], (error, stdout) => {
      if (error === null) return resolve(stdout);
      const message =
        'There is no mpirun here: apt-get install openmpi-bin libopenmpi-dev g++ (on every host), or module load an MPI.';
      reject(new FedloomError('launch.mpirun', message, { says: error.message }, { cause: error }));
    });
  });
}
