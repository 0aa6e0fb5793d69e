import type { Host } from './hostfile/host.js';
import { shellWord } from './shell-words.js';

/** How the system's ssh is called; what is absent is as its own configuration has it. */
export interface SshOptions {
  /** Its configuration file, in place of the user's and the system's. */
  readonly config?: string;
  /** File of the private key. */
  readonly key?: string;
  readonly port?: number;
  /** For hosts for which the host file names nobody. */
  readonly user?: string;
  /** Further ones of its `-o`, as `Name=value`; they go before ours. */
  readonly options?: readonly string[];
}

/** So that a host that is switched off, or a line that is cut, shows within a minute. Those given first hold. */
const OWN_OPTIONS = ['ConnectTimeout=10', 'ServerAliveInterval=15', 'ServerAliveCountMax=3'];

/** Arguments of ssh up to the host: it asks for nothing, since nobody could answer. */
export function sshArguments(options: SshOptions, host: Host): string[] {
  return [
    '-T',
    ...withOptions(['BatchMode=yes', ...(options.options ?? []), ...OWN_OPTIONS]),
    ...sshPlace(options, host),
  ];
}

/** The part of ssh's arguments that says which host, as whom, with which key. */
export function sshPlace({ config, key, port, user }: SshOptions, host: Host): string[] {
  const login = host.user ?? user;
  return [
    ...(config === undefined ? [] : ['-F', config]),
    ...(key === undefined ? [] : ['-i', key]),
    ...(port === undefined ? [] : ['-p', `${port}`]),
    ...(login === undefined ? [] : ['-l', login]),
    '--',
    host.name,
  ];
}

export function withOptions(options: readonly string[]): string[] {
  return options.flatMap((option) => ['-o', option]);
}

/** A script as the one argument that ssh hands to the user's shell there, whichever it is. */
export function remoteScript(script: string, parameters: readonly string[]): string {
  return ['exec sh -c', shellWord(script), ...parameters.map(shellWord)].join(' ');
}

/** Why ssh did not get there, by its last words; undefined where that is not what went wrong. */
export type SshFailure = 'unknown-host' | 'refused' | 'timeout' | 'denied' | 'host-key' | 'other';

const FAILURES: readonly (readonly [RegExp, SshFailure])[] = [
  [/could not resolve hostname|name or service not known/i, 'unknown-host'],
  [/connection refused/i, 'refused'],
  [/timed out|no route to host|network is unreachable/i, 'timeout'],
  [/host key verification failed|host identification has changed/i, 'host-key'],
  [/permission denied|too many authentication failures/i, 'denied'],
];

/** @param lines the last that ssh said, when it ended with its own exit code, 255 */
export function sshFailure(lines: readonly string[]): SshFailure {
  const text = lines.join('\n');
  return FAILURES.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

/** How that is mended. */
export const SSH_ADVICE: Readonly<Record<SshFailure, string>> = {
  'unknown-host':
    'Check the name in the host file; it must be one that this machine or ssh knows (/etc/hosts, ~/.ssh/config).',
  refused: 'No ssh server listens there: start sshd on that host, or give its port with --ssh-port.',
  timeout: 'The host does not answer: is it switched on, and may this machine reach its ssh port?',
  denied:
    'It must let this machine in without a password: `npx fedloom ssh-setup` sees to that, --ssh-key and --ssh-user say as whom.',
  'host-key':
    'Its host key is unknown or has changed: `npx fedloom ssh-setup` takes up the keys of new hosts; of a host that changed, check why.',
  other: 'Try the same with ssh by hand.',
};
