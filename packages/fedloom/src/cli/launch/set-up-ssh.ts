import { FedloomError } from '@fedloom/engine';
import { said } from '../../launch/launched-part.js';
import type { Place } from '../../launch/part.js';
import { type Login, runScript, type ScriptEnd } from '../../launch/run-script.js';
import { SSH_ADVICE, sshFailure } from '../../launch/ssh.js';
import { hostEntries } from '../../launch/ssh-setup/host-entries.js';
import { openKeyPair } from '../../launch/ssh-setup/key-pair.js';
import { type LetIn, letIn } from '../../launch/ssh-setup/let-in.js';
import { askingLogin, keyLogin, passwordLogin } from '../../launch/ssh-setup/logins.js';
import { meshHosts } from '../../launch/ssh-setup/mesh.js';
import { ADD_ENTRIES } from '../../launch/ssh-setup/scripts.js';
import { table } from '../report/table.js';
import { openTerminal, type Terminal } from '../terminal.js';
import { type HostFlags, openHosts, sshOptionsOf } from './host-options.js';

export interface SshSetupFlags extends HostFlags {
  readonly loginKey?: string;
  readonly passwordFile?: string;
  readonly mesh?: true;
  readonly hostsEntries?: true;
  readonly address?: ReadonlyMap<string, string>;
  readonly json?: true;
}

const HOSTS_FILE = '/etc/hosts';
/** What ssh says of every host that it meets for the first time. */
const NEW_HOST = 'Warning: Permanently added';

/** What was done on a host, for people and programs. */
interface Row {
  readonly host: string;
  readonly state: string;
}

/** @returns the exit code @throws FedloomError `ssh-setup.failed` with every host that could not be set up */
export async function setUpSsh(flags: SshSetupFlags): Promise<number> {
  const terminal = await openTerminal(flags.json ?? false);
  const { places } = await openHosts(flags);
  const others = places.filter(({ ssh }) => ssh !== undefined);
  const entries = flags.hostsEntries
    ? await hostEntries(
        places.map(({ host }) => host),
        flags.address ?? new Map(),
      )
    : [];
  const own = places.find(({ ssh }) => ssh === undefined) ?? {
    host: { name: 'this machine' },
    ssh: undefined,
    folder: '/',
  };
  // Else ssh would not find the others.
  await addEntries([own], entries);
  const states = await openDoors(others, flags, terminal);
  await addEntries(others, entries);
  if (flags.mesh) await mesh(places, flags);
  const rows = places.map((place): Row => ({ host: place.host.name, state: states.get(place) ?? 'this machine' }));
  terminal.json?.write({ event: 'ssh-setup', hosts: rows });
  for (const line of table(rows, [{ field: 'host' }, { field: 'state' }], terminal.screen)) terminal.screen.line(line);
  if (flags.mesh) terminal.screen.line('Each of them gets to each other.');
  return 0;
}

/** Has the hosts let this machine in. */
async function openDoors(
  places: readonly Place[],
  flags: SshSetupFlags,
  { screen }: Terminal,
): Promise<ReadonlyMap<Place, string>> {
  const key = await openKeyPair(flags.sshKey);
  screen.line(`${key.made ? 'Made the key' : 'The key is'} ${key.path}.`);
  const { login, close } = await loginOf(flags);
  const results = new Map<Place, LetIn>();
  try {
    const one = async (place: Place) => {
      results.set(place, await letIn(place, key, login));
    };
    // Two that ask at once would mix their questions.
    if (login?.asks) for (const place of places) await one(place);
    else await Promise.all(places.map(one));
  } finally {
    await close?.();
  }
  const failures = places.flatMap((place): Failure[] => {
    const result = results.get(place);
    return result !== undefined && 'end' in result ? [{ host: place.host.name, ...result }] : [];
  });
  refuseFailures(failures);
  return new Map(
    [...results].map(([place, { kind }]) => [place, kind === 'now' ? 'lets this machine in now' : 'let it in before']),
  );
}

async function loginOf(
  flags: SshSetupFlags,
): Promise<{ readonly login: Login | undefined; readonly close?: () => Promise<void> }> {
  if (flags.loginKey !== undefined) return { login: keyLogin(flags.loginKey) };
  if (flags.passwordFile !== undefined) return passwordLogin(flags.passwordFile);
  return { login: process.stdin.isTTY ? askingLogin : undefined };
}

async function addEntries(places: readonly Place[], entries: readonly string[]): Promise<void> {
  if (entries.length === 0) return;
  const ends = await Promise.all(
    places.map(async (place) => ({
      host: place.host.name,
      end: await runScript(place, ADD_ENTRIES, [HOSTS_FILE, ...entries]),
    })),
  );
  refuseFailures(ends.filter(({ end }) => end.code !== 0));
}

async function mesh(places: readonly Place[], flags: SshSetupFlags): Promise<void> {
  const failures = await meshHosts(places, sshOptionsOf(flags));
  refuseFailures(
    failures.map(({ from, to, end }) => ({ host: to === undefined ? from.name : `${from.name} to ${to}`, end })),
  );
}

interface Failure {
  readonly host: string;
  readonly end: ScriptEnd;
  readonly kind?: 'denied' | 'failed';
}

function refuseFailures(failures: readonly Failure[]): void {
  if (failures.length === 0) return;
  const texts = failures.map(
    ({ host, end, kind }) =>
      `${host}:${said(end.lines.filter((line) => !line.startsWith(NEW_HOST)))}\n${adviceOn(end, kind)}`,
  );
  throw new FedloomError('ssh-setup.failed', texts.join('\n'), { hosts: failures.map(({ host }) => host) });
}

function adviceOn({ code, lines }: ScriptEnd, kind: Failure['kind']): string {
  const failure = sshFailure(lines);
  if (kind === 'denied' || failure === 'denied') {
    return 'It lets this machine in neither with the key nor otherwise. Give --login-key or --password-file, or start this on a terminal.';
  }
  if (failure === 'host-key')
    return 'Its host key is not the one that it had. Find out why before you take the old one away.';
  return code === 255 ? SSH_ADVICE[failure] : 'That was said on the host.';
}
