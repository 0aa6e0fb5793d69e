import { hostname } from 'node:os';
import { FedloomError } from '@fedloom/engine';
import type { Dial, Listen } from '../../protocol/transport.js';
import { type Launched, launchedAs, startedAs } from '../../transport/mpi/launched-as.js';
import { openMpi } from '../../transport/mpi/open-mpi.js';
import { webSocketDial, webSocketListen } from '../../transport/websocket/on-demand.js';
import type { hostAndPort } from '../arguments.js';
import { asksWho, type ServerAuthFlags } from '../auth-flags.js';
import { whereGiven } from '../given.js';
import type { ClientFileFlags } from '../launch/client-files.js';
import { clientTls, type ServerTlsFlags, serverTls } from '../tls-flags.js';

/** How the processes of one launch talk to each other, as seen by one of them. */
export interface Lines {
  /** The host of this process. */
  readonly host: string;
  /** Processes on this host, where that is known. */
  readonly onThisHost: number | undefined;
  /** The machine of each rank, as MPI names it; over WebSocket nobody knows. */
  readonly hostNames: readonly string[];
  /** Where rank 0 is. */
  readonly server: string;
  /** Where any rank is; over WebSocket only rank 0 listens. */
  addressOf(rank: number): string;
  readonly listen: Listen;
  readonly dial: Dial;
  /** Once all is said: waits for the others, and for no longer than that. */
  close(code: number): Promise<void>;
  /** Ends every process. */
  abort(code: number): void;
}

export const transports = ['mpi', 'ws'] as const;

/** TLS and what clients must prove are those of rank 0; `tlsCa` and the files of clients are for the others. */
export interface LinesFlags extends ServerTlsFlags, ServerAuthFlags, ClientFileFlags {
  readonly tlsCa?: string;
  readonly transport: (typeof transports)[number];
  readonly listen?: ReturnType<typeof hostAndPort>;
  readonly server?: string;
  readonly insecure?: true;
  readonly pingEvery?: number;
}

/** What others may take to hear that the run is over. */
const FAREWELL_MS = 30_000;

/**
 * Who this process is among those that were started together.
 * @throws FedloomError `mpi.not-launched`
 */
export function placeAmongRanks({ transport }: Pick<LinesFlags, 'transport'>): Launched {
  const launched = transport === 'ws' ? startedAs(process.env) : launchedAs(process.env);
  if (launched !== undefined) return launched;
  throw new FedloomError(
    'mpi.not-launched',
    'fedloom node is one of several processes that mpirun starts, and this one was started alone: it has no rank. Start it ' +
      'with mpirun -np 11 npx fedloom node TASK 10 5 50 (srun under Slurm), or use fedloom server and fedloom client.',
  );
}

/** @throws FedloomError `mpi.*`, `usage.file`, `usage.tls`, `usage.lines` where an option does not belong to the transport */
export function openLines(launched: Launched, flags: LinesFlags): Promise<Lines> {
  return flags.transport === 'ws' ? webSocketLines(launched, flags) : mpiLines(launched, flags);
}

async function mpiLines(launched: Launched, flags: LinesFlags): Promise<Lines> {
  const { listen, server, insecure, pingEvery, tlsCert, tlsKey, tlsCa, tlsClientCa, tlsCrl } = flags;
  const certificates = { 'tls-cert': tlsCert, 'tls-key': tlsKey, 'tls-ca': tlsCa };
  const tls = { ...certificates, 'tls-client-ca': tlsClientCa, 'tls-crl': tlsCrl };
  const { tokenFile, knownClients, clientCert, clientKey, keyFile } = flags;
  const ofServer = { 'token-file': tokenFile, 'known-clients': knownClients };
  const ofClients = { 'client-cert': clientCert, 'client-key': clientKey, 'key-file': keyFile };
  const given = Object.entries({
    listen,
    server,
    insecure,
    'ping-every': pingEvery,
    ...tls,
    ...ofServer,
    ...ofClients,
  });
  const [idle] = given.filter(([, value]) => value !== undefined);
  if (idle !== undefined) {
    const message = `--${idle[0]} has a meaning only with --transport ws: the ranks of MPI find each other, and MPI encrypts nothing.`;
    throw new FedloomError('usage.lines', message, { option: idle[0] });
  }
  const world = await openMpi(launched);
  const host = world.hosts[world.rank] ?? hostname();
  return {
    host,
    onThisHost: world.hosts.filter((one) => one === host).length,
    hostNames: world.hosts,
    server: world.urlOf(0),
    addressOf: (rank) => world.urlOf(rank),
    listen: world.listen,
    dial: world.dial,
    abort: (code) => world.abort(code),
    close: async (code) => {
      const tooLong = setTimeout(() => {
        process.stderr.write(
          `fedloom: other ranks have not ended ${FAREWELL_MS / 1000} s after the run: they are ended now.\n`,
        );
        world.abort(code === 0 ? 1 : code);
      }, FAREWELL_MS);
      await world.close();
      clearTimeout(tooLong);
    },
  };
}

function warn({ message }: FedloomError): void {
  process.stderr.write(`Warning: ${message}\n`);
}

async function webSocketLines({ rank }: Launched, flags: LinesFlags): Promise<Lines> {
  const { listen, server, insecure, pingEvery, tlsCert, tlsKey, tlsCa } = flags;
  if (listen === undefined || listen.port === 0) {
    const message = '--transport ws needs --listen HOST:PORT, under which the other ranks reach rank 0.';
    throw new FedloomError('usage.lines', message, { option: 'listen' });
  }
  const ping = pingEvery === undefined ? {} : { pingEveryMs: pingEvery };
  const { host, port } = listen;
  const scheme = tlsCert === undefined && tlsKey === undefined ? 'ws' : 'wss';
  const shown = {
    ...whereGiven('tlsCa', tlsCa),
    ...whereGiven('tlsCert', flags.clientCert),
    ...whereGiven('tlsKey', flags.clientKey),
  };
  const own = rank === 0 ? await serverTls(flags, warn) : undefined;
  const trusted = rank === 0 ? undefined : await clientTls(shown);
  const url = server ?? `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    host: hostname(),
    onThisHost: undefined,
    hostNames: [],
    server: url,
    addressOf: () => url,
    listen: webSocketListen({
      ...listen,
      ...ping,
      ...(insecure && { insecure }),
      ...(own && { tls: own }),
      identified: asksWho(flags),
    }),
    dial: webSocketDial({ ...ping, ...(trusted && { tls: trusted }) }),
    close: async () => {},
    // The launcher ends the others when one ends with a code.
    abort: () => {},
  };
}
