import { type Command, Option } from 'commander';
import type { Host, HostList } from '../../launch/hostfile/host.js';
import { readHosts } from '../../launch/hostfile/read-hosts.js';
import { isOwnMachine } from '../../launch/own-machine.js';
import type { Place } from '../../launch/part.js';
import type { SshOptions } from '../../launch/ssh.js';
import { wholeNumber } from '../arguments.js';
import { whereGiven } from '../given.js';

/** How commands get to other machines. */
export interface HostFlags {
  readonly hostfile?: string;
  readonly cwd?: string;
  readonly command?: string;
  readonly sshConfig?: string;
  readonly sshKey?: string;
  readonly sshPort?: number;
  readonly sshUser?: string;
  readonly sshOption?: readonly string[];
}

const PORT_MAX = 65_535;

export function addHostOptions(command: Command): Command {
  return addSshOptions(command)
    .option(
      '--cwd <dir>',
      'folder that everything runs in on other machines, for instance of the task (the same path as this one)',
    )
    .option(
      '--command <command>',
      "how fedloom is called on other machines, such as 'npx fedloom' (Node and fedloom at the same paths as here)",
    );
}

/** The host file, and how ssh is called. */
export function addSshOptions(command: Command): Command {
  return command
    .option(
      '--hostfile <file>',
      "hosts, one a line and the server's first: as for Open MPI, MPICH, Slurm or PBS, or plain names " +
        '(default: in a job of Slurm or PBS: its hosts)',
    )
    .option('--ssh-config <file>', "ssh's configuration, in place of the user's and the system's")
    .option('--ssh-key <file>', 'private key to log in with')
    .addOption(
      new Option('--ssh-port <port>', 'port of the ssh servers').argParser(wholeNumber('--ssh-port', 1, PORT_MAX)),
    )
    .option('--ssh-user <name>', 'whom to log in as, where the host file does not say')
    .addOption(
      new Option('--ssh-option <Name=value>', "further option of ssh's configuration; may be given more than once")
        .argParser((text: string, before: readonly string[] = []) => [...before, text])
        .default(undefined),
    );
}

export function sshOptionsOf({ sshConfig, sshKey, sshPort, sshUser, sshOption }: HostFlags): SshOptions {
  return {
    ...whereGiven('config', sshConfig),
    ...whereGiven('key', sshKey),
    ...whereGiven('port', sshPort),
    ...whereGiven('user', sshUser),
    ...whereGiven('options', sshOption),
  };
}

/** The hosts of the file or of the job, and how this machine gets to each. */
export async function openHosts(
  flags: HostFlags,
): Promise<{ readonly list: HostList; readonly places: readonly Place[] }> {
  const list = await readHosts(flags.hostfile, process.env);
  return { list, places: await Promise.all(list.hosts.map((host) => placeOf(host, flags))) };
}

async function placeOf(host: Host, flags: HostFlags): Promise<Place> {
  const here = process.cwd();
  if (await isOwnMachine(host)) return { host, ssh: undefined, folder: here };
  return { host, ssh: sshOptionsOf(flags), folder: flags.cwd ?? here };
}
