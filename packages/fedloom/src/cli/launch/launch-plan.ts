import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { formatRanges, rangesFromIndices } from '../../core/index-ranges.js';
import type { HostList } from '../../launch/hostfile/host.js';
import type { LaunchedPart } from '../../launch/launched-part.js';
import { isLoopbackName } from '../../launch/own-machine.js';
import type { Place } from '../../launch/part.js';
import { placeRanks } from '../../launch/placement.js';
import { shellWord, shellWords } from '../../launch/shell-words.js';
import { type TokenFlags, tokenArguments } from '../auth-flags.js';
import { type BrokerFlags, brokerArguments } from '../broker-flags.js';
import { argument } from '../given.js';
import { changesAsArguments } from '../load-settings.js';
import { packageFolder } from '../own-files.js';
import { type RunSettings, settingsAsArguments, shownAsArguments } from '../run-settings.js';
import { type ServingFlags, servingArguments } from '../serving-options.js';
import { type ServerTlsFlags, serverTlsArguments } from '../tls-flags.js';

export interface LaunchFlags extends ServingFlags, BrokerFlags, TokenFlags, Omit<ServerTlsFlags, 'tlsClientCa'> {
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

/** @throws FedloomError `hostfile.slots`, `launch.address`, `launch.insecure` */
export function planLaunch(request: LaunchRequest): LaunchPlan {
  const { settings, flags, list, places, task } = request;
  const ranks = placeRanks(list, settings.clients + 1);
  const [first] = places;
  if (first === undefined) throw new Error('a list of hosts has no host');
  const isElsewhere = (place: Place) => place !== first && (place.ssh ?? first.ssh) !== undefined;
  const remote = places.some((place, i) => isElsewhere(place) && (ranks[i] ?? []).length > 0);
  const { dialled, listen, insecure } = addressesOf(request, remote);
  const server: LaunchedPart = {
    place: first,
    ranks: [0],
    command: commandOn(first, flags, [
      ...['server', task, ...settingsAsArguments(settings)],
      ...(flags.broker !== undefined
        ? ['--broker', flags.broker]
        : [flags.mqtt ? '--mqtt-listen' : '--listen', `${inUrl(listen)}:${flags.port}`]),
      ...brokerArguments(flags),
      ...serverTlsArguments(flags),
      ...tokenArguments(flags),
      ...(insecure ? ['--insecure'] : []),
      ...servingArguments(flags),
      '--json',
    ]),
  };
  return {
    server,
    ranks,
    clients: (
      said = flags.mqtt
        ? `mqtt://:${flags.port}/fedloom`
        : `${flags.tlsCert === undefined ? 'ws' : 'wss'}://:${flags.port}`,
    ) => {
      const url = flags.broker ?? said.replace(/^(\w+:\/\/)(?:\[[^\]]*\]|[^:/]*)/, `$1${inUrl(dialled)}`);
      return places.flatMap((place, i) => {
        const own = (ranks[i] ?? []).filter((rank) => rank > 0);
        const processes = flags.processPerClient ? own.map((rank) => [rank]) : own.length === 0 ? [] : [own];
        return processes.map((group) => ({
          place,
          ranks: group,
          command: commandOn(place, flags, clientArguments(request, place, group, url)),
        }));
      });
    },
  };
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
    ...argument('--data', flags.data?.replaceAll('{host}', host.name)),
    // A process of its own for each is to take its share of the machine.
    ...argument('--workers', settings.workers ?? (flags.processPerClient ? 1 : undefined)),
    ...argument('--ping-every', flags.pingEvery === undefined ? undefined : flags.pingEvery / 1000),
    ...argument('--max-body', flags.maxBody),
    ...argument('--pool', flags.pool),
    ...shownAsArguments(settings),
  ];
}

/** As a shell reads it. */
function commandOn({ ssh }: Place, { command }: LaunchFlags, args: readonly string[]): string {
  if (ssh !== undefined && command !== undefined) return `${command} ${shellWords(args)}`;
  return shellWords([...OWN_COMMAND, ...args]);
}

/** Where clients find the server, and where it listens. */
function addressesOf({ flags, list, serverAddress }: LaunchRequest, remote: boolean) {
  const dialled = flags.address ?? (remote ? serverAddress : LOOPBACK);
  // With a loopback address, others come by tunnels of their own; at a broker, everybody dials.
  if (!remote || flags.broker !== undefined || (flags.address !== undefined && isLoopbackName(flags.address))) {
    return { dialled, listen: dialled === flags.address ? dialled : LOOPBACK, insecure: false };
  }
  if (isLoopbackName(dialled)) {
    const message =
      `The first host of ${list.source} is ${dialled}, by which every other machine means itself. ` +
      'Give the name by which they reach it there, or with --address.';
    throw new FedloomError('launch.address', message, { host: dialled });
  }
  const secure = flags.tlsCert !== undefined && flags.tokenFile !== undefined && !flags.mqtt;
  if (flags.insecure === undefined && !secure) {
    const message =
      'The server must listen beyond its own machine, but ' +
      (flags.tlsCert === undefined
        ? 'nothing is encrypted without --tls-cert and --tls-key, and clients need no proof of who they are: ' +
          'whoever reaches its port can read models and updates, and take part. '
        : 'clients need no proof of who they are without --token-file: whoever reaches its port can take part. ') +
      'Say --insecure if you trust this network.';
    throw new FedloomError('launch.insecure', message);
  }
  return { dialled, listen: anyAddress(dialled), insecure: !secure };
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
