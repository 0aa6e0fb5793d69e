import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { formatRanges, rangesFromIndices } from '../../core/index-ranges.js';
import type { HostList } from '../../launch/hostfile/host.js';
import type { LaunchedPart } from '../../launch/launched-part.js';
import { isLoopbackName } from '../../launch/own-machine.js';
import type { Place } from '../../launch/part.js';
import { placeRanks } from '../../launch/placement.js';
import { shellWord, shellWords } from '../../launch/shell-words.js';
import { asksWho, type ServerAuthFlags, serverAuthArguments, tokenArguments } from '../auth-flags.js';
import { type BrokerFlags, brokerArguments } from '../broker-flags.js';
import { argument } from '../given.js';
import { changesAsArguments } from '../load-settings.js';
import { packageFolder } from '../own-files.js';
import { poolArguments } from '../pool-options.js';
import { type RunSettings, settingsAsArguments, shownAsArguments } from '../run-settings.js';
import { type ServingFlags, servingArguments } from '../serving-options.js';
import { type SiteFlags, siteArguments } from '../site-flags.js';
import { type ServerTlsFlags, serverTlsArguments } from '../tls-flags.js';
import { type ClientFileFlags, clientFileArguments } from './client-files.js';
import { type Handed, type LaunchSecrets, nothingHanded, type SecretsRequest } from './launch-secrets.js';

export interface LaunchFlags
  extends ServingFlags,
    BrokerFlags,
    ServerAuthFlags,
    ServerTlsFlags,
    ClientFileFlags,
    SiteFlags {
  /** What clients trust. */
  readonly tlsCa?: string;
  readonly port: number;
  readonly address?: string;
  readonly insecure?: true;
  /** Over MQTT, through a broker of the server's own. */
  readonly mqtt?: true;
  /** Over MQTT, through this broker. */
  readonly broker?: string;
  /** With the installed mpirun. */
  readonly mpi?: true;
  readonly data?: string;
  /** Bytes. */
  readonly maxBody?: number;
  readonly processPerClient?: true;
  readonly command?: string;
}

export interface LaunchRequest {
  readonly task: string;
  readonly settings: RunSettings;
  readonly flags: LaunchFlags;
  readonly list: HostList;
  /** Of each host of the list. */
  readonly places: readonly Place[];
  /** The address of the first host, where the flags do not say. */
  readonly serverAddress: string;
  /** Whether clients need the task file. */
  readonly clientsNeedTask: boolean;
}

/** Who runs where, and how they find each other. */
export interface LaunchLayout {
  /** The ranks of each host, in the order of the hosts. */
  readonly ranks: readonly (readonly number[])[];
  /** Processes of clients. */
  readonly processes: readonly { readonly place: Place; readonly ranks: readonly number[] }[];
  /** Where clients find the server, and where it listens. */
  readonly dialled: string;
  readonly listen: string;
  /** Whether others than this machine can reach the server. */
  readonly open: boolean;
}

/** What is started where. */
export interface LaunchPlan {
  readonly server: LaunchedPart;
  /** @param url where the server says that it listens; undefined: it was not asked */
  readonly clients: (url?: string) => readonly LaunchedPart[];
  /** The ranks of each host, in the order of the hosts. */
  readonly ranks: readonly (readonly number[])[];
}

/** How fedloom is called with the Node that runs this process. */
export const OWN_COMMAND: readonly string[] = [process.execPath, join(packageFolder, 'bin', 'fedloom.cjs')];
const LOOPBACK = '127.0.0.1';

/** @throws FedloomError `hostfile.slots`, `launch.address` */
export function layOut(request: LaunchRequest): LaunchLayout {
  const { settings, flags, list, places } = request;
  const ranks = placeRanks(list, settings.clients + 1);
  const processes = places.flatMap((place, i) => {
    const own = (ranks[i] ?? []).filter((rank) => rank > 0);
    const groups = flags.processPerClient ? own.map((rank) => [rank]) : own.length === 0 ? [] : [own];
    return groups.map((group) => ({ place, ranks: group }));
  });
  const [first] = places;
  const isElsewhere = (place: Place) => place !== first && (place.ssh ?? first?.ssh) !== undefined;
  const remote = processes.some(({ place }) => isElsewhere(place));
  return { ranks, processes, ...addressesOf(request, remote) };
}

/** What is to be made for a run that others can reach, and that nobody said to be open. */
export function secretsNeeded({ flags }: LaunchRequest, layout: LaunchLayout): SecretsRequest | undefined {
  if (!layout.open || flags.insecure) return undefined;
  // At a broker of others its certificate counts.
  const tls = flags.broker === undefined && flags.tlsCert === undefined;
  const tokens = !asksWho(flags) && flags.tlsClientCa === undefined;
  if (!tls && !tokens) return undefined;
  return { ...(tls && { host: layout.dialled }), tokens, groups: layout.processes.map(({ ranks }) => ranks) };
}

export function planLaunch(request: LaunchRequest, layout: LaunchLayout, secrets?: LaunchSecrets): LaunchPlan {
  const { settings, flags, places, task } = request;
  const { ranks, processes, dialled, listen, open } = layout;
  const [first] = places;
  if (first === undefined) throw new Error('a list of hosts has no host');
  const args = [
    ...['server', task, ...settingsAsArguments(settings)],
    ...(flags.broker !== undefined
      ? ['--broker', flags.broker]
      : [flags.mqtt ? '--mqtt-listen' : '--listen', `${inUrl(listen)}:${flags.port}`]),
    ...brokerArguments(flags),
    ...serverTlsArguments(flags),
    ...serverAuthArguments(flags),
    ...(open && flags.insecure ? ['--insecure'] : []),
    ...servingArguments(flags),
    '--json',
  ];
  const secure = flags.tlsCert !== undefined || secrets?.tls ? 's' : '';
  return {
    server: partOf({ place: first, ranks: [0] }, flags, args, secrets?.server),
    ranks,
    clients: (said = flags.mqtt ? `mqtt${secure}://:${flags.port}/fedloom` : `ws${secure}://:${flags.port}`) => {
      const url = flags.broker ?? said.replace(/^(\w+:\/\/)(?:\[[^\]]*\]|[^:/]*)/, `$1${inUrl(dialled)}`);
      return processes.map((process, i) =>
        partOf(process, flags, clientArguments(request, process.place, process.ranks, url), secrets?.clients[i]),
      );
    },
  };
}

/** @param handed beside the arguments, which anybody on the host can read */
function partOf(
  { place, ranks }: Pick<LaunchedPart, 'place' | 'ranks'>,
  flags: LaunchFlags,
  args: readonly string[],
  { files, options }: Handed = nothingHanded,
): LaunchedPart {
  const command = commandOn(place, flags, args);
  if (files.length === 0) return { place, ranks, command };
  return { place, ranks, command: `${command} ${options}`, privateFiles: files };
}

function clientArguments(
  { task, settings, flags, clientsNeedTask }: LaunchRequest,
  { host }: Place,
  ranks: readonly number[],
  url: string,
): string[] {
  const index = formatRanges(rangesFromIndices(ranks.map((rank) => rank - 1)));
  return [
    ...['client', ...(clientsNeedTask ? [task, ...changesAsArguments(settings)] : [])],
    // One who launches them all means one version.
    ...['--server', url, '--index', index, '--same-version'],
    ...brokerArguments(flags),
    ...argument('--tls-ca', flags.tlsCa),
    ...tokenArguments(flags),
    ...clientFileArguments(flags, host.name),
    ...siteArguments(flags, host.name),
    ...argument('--data', flags.data?.replaceAll('{host}', host.name)),
    // A process of its own for each is to take its share of the machine.
    ...argument('--workers', settings.workers ?? (flags.processPerClient ? 1 : undefined)),
    ...argument('--ping-every', flags.pingEvery === undefined ? undefined : flags.pingEvery / 1000),
    ...argument('--max-body', flags.maxBody),
    ...poolArguments(flags),
    ...shownAsArguments(settings),
  ];
}

/** As a shell reads it. */
function commandOn({ ssh }: Place, { command }: LaunchFlags, args: readonly string[]): string {
  if (ssh !== undefined && command !== undefined) return `${command} ${shellWords(args)}`;
  return shellWords([...OWN_COMMAND, ...args]);
}

/** @throws FedloomError `launch.address` */
function addressesOf(
  { flags, list, serverAddress }: LaunchRequest,
  remote: boolean,
): Pick<LaunchLayout, 'dialled' | 'listen' | 'open'> {
  const dialled = flags.address ?? (remote ? serverAddress : LOOPBACK);
  // At a broker, everybody dials.
  if (flags.broker !== undefined) return { dialled, listen: LOOPBACK, open: remote };
  // With a loopback address, others come by tunnels of their own.
  if (!remote || (flags.address !== undefined && isLoopbackName(flags.address))) {
    return { dialled, listen: dialled === flags.address ? dialled : LOOPBACK, open: false };
  }
  if (isLoopbackName(dialled)) {
    const message =
      `The first host of ${list.source} is ${dialled}, by which every other machine means itself. ` +
      'Give the name by which they reach it there, or with --address.';
    throw new FedloomError('launch.address', message, { host: dialled });
  }
  return { dialled, listen: anyAddress(dialled), open: true };
}

/** An address with colons is of IPv6, and its host listens on both kinds. */
function anyAddress(address: string): string {
  return address.includes(':') ? '::' : '0.0.0.0';
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** What to type to start a part by hand. */
export function copyable({ place, command }: LaunchedPart, ssh: readonly string[]): string {
  const there = `cd ${shellWord(place.folder)} && ${command}`;
  return place.ssh === undefined ? `(${there})` : shellWords(['ssh', ...ssh, there]);
}
