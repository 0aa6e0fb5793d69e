import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { formatRanges, parseRanges } from '../core/index-ranges.js';
import type { RunFile } from '../store/run-file.js';
import { brokerUrl, commaSeparated, hostAndPort } from './arguments.js';
import { addServerAuthOptions, serverAuthFlags } from './auth-flags.js';
import { addBrokerOptions, brokerFlags } from './broker-flags.js';
import { addConnectionOptions, connectionsFrom, recordedConnections } from './connection-flags.js';
import { whereGiven } from './given.js';
import { addServerTlsOptions, serverTlsFlags } from './tls-flags.js';
import type { ListenFlags } from './transports.js';

const ADDRESS = '127.0.0.1:8080';

/** Options of where a server is to be reached. */
export function addListenOptions(command: Command): Command {
  command
    .addOption(
      new Option(
        '--listen <host:port>',
        `address to listen on for WebSocket; port 0: a free one (${ADDRESS}, unless there is MQTT alone)`,
      ).argParser((text: string) => hostAndPort(text)),
    )
    .addOption(
      new Option('--mqtt-listen <host:port>', 'host an MQTT broker here, and serve through it').argParser(
        (text: string) => hostAndPort(text, '--mqtt-listen'),
      ),
    )
    .option('--mqtt-prefix <topic>', "what the topics at the server's own broker begin with (default: fedloom)")
    .addOption(
      new Option('--broker <url>', 'serve through this MQTT broker: mqtts://HOST:PORT/PREFIX').argParser(brokerUrl),
    )
    .addOption(
      new Option(
        '--mobile <ranges>',
        'clients that are devices which speak JSON over MQTT: 8 or 8-9; client 8 is device 9 there',
      ).argParser((text: string) => parseRanges(text)),
    )
    .addOption(
      new Option(
        '--behind-proxy <addresses>',
        'proxies in front, such as 127.0.0.1 or 10.0.0.0/8: their X-Forwarded-For says where a client is',
      ).argParser(commaSeparated),
    )
    .option(
      '--insecure',
      'listen beyond this machine, although nothing is encrypted or clients need no proof of who they are',
    );
  return addServerAuthOptions(addServerTlsOptions(addBrokerOptions(addConnectionOptions(command))));
}

/** With what nobody had to say. @throws FedloomError `usage.mobile` for devices without a broker */
export function reachOf(flags: ListenFlags): ListenFlags {
  const { listen, mqttListen, broker, mobile } = flags;
  if (mobile !== undefined && mqttListen === undefined && broker === undefined) throw noBroker();
  if (listen !== undefined || mqttListen !== undefined || broker !== undefined) return flags;
  return { ...flags, listen: hostAndPort(ADDRESS) };
}

/** As `run.json` keeps it. */
export function recordedReach(flags: ListenFlags) {
  const { listen, mqttListen, mqttPrefix, broker, mobile, insecure = false, pingEvery, behindProxy } = flags;
  const text = (address: ListenFlags['listen']) => address && `${address.host}:${address.port}`;
  return {
    ...whereGiven('listen', text(listen)),
    ...whereGiven('mqttListen', text(mqttListen)),
    ...whereGiven('mqttPrefix', mqttPrefix),
    ...whereGiven('broker', broker),
    ...brokerFlags(flags),
    ...whereGiven('mobile', mobile && formatRanges(mobile)),
    ...serverTlsFlags(flags),
    ...serverAuthFlags(flags),
    ...whereGiven('behindProxy', behindProxy),
    insecure,
    ...whereGiven('pingEveryMs', pingEvery),
    ...recordedConnections(flags),
  };
}

/** A server's reach as `run.json` has it. @param changed what is given in its place */
export function reachFrom({ arguments: args }: RunFile, changed: ListenFlags): ListenFlags {
  const { listen, mqttListen, mqttPrefix, broker, mobile, insecure, pingEveryMs, behindProxy } = args;
  // Runs of earlier versions had WebSocket alone.
  const webSocket = listen ?? (mqttListen === undefined && broker === undefined ? '127.0.0.1:0' : undefined);
  return {
    ...(webSocket !== undefined && { listen: hostAndPort(webSocket) }),
    ...(mqttListen !== undefined && { mqttListen: hostAndPort(mqttListen) }),
    ...whereGiven('mqttPrefix', mqttPrefix),
    ...whereGiven('broker', broker),
    ...brokerFlags(args),
    ...(mobile !== undefined && { mobile: parseRanges(mobile) }),
    ...serverTlsFlags(args),
    ...serverAuthFlags(args),
    ...whereGiven('behindProxy', behindProxy),
    ...(insecure && { insecure }),
    ...whereGiven('pingEvery', pingEveryMs),
    ...connectionsFrom({ arguments: args }),
    ...Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)),
  };
}

function noBroker(): FedloomError {
  const message =
    '--mobile names devices that speak MQTT: give --mqtt-listen HOST:PORT or --broker URL, where they are.';
  return new FedloomError('usage.mobile', message);
}

/** Where its clients look for a run that goes on: also where the port was any that was free. */
export function samePorts(flags: ListenFlags, { url, urls = url === undefined ? [] : [url] }: RunFile): ListenFlags {
  const portOf = (scheme: string) => urls.map((one) => new URL(one)).find((one) => one.protocol === scheme)?.port;
  const same = (address: ListenFlags['listen'], port: string | undefined) =>
    address?.port === 0 && port !== undefined ? { ...address, port: Number(port) } : address;
  return {
    ...flags,
    ...whereGiven('listen', same(flags.listen, portOf('ws:') ?? portOf('wss:'))),
    ...whereGiven('mqttListen', same(flags.mqttListen, portOf('mqtt:') ?? portOf('mqtts:'))),
  };
}
