import type { FedloomError } from '@fedloom/engine';
import type { DialsByScheme } from '../client/dial-by-scheme.js';
import type { IndexRange } from '../core/index-ranges.js';
import type { Dial, Listen } from '../protocol/transport.js';
import { mqttPackage } from '../transport/mqtt/mqtt-package.js';
import { webSocketListen } from '../transport/websocket/on-demand.js';
import type { hostAndPort } from './arguments.js';
import { asksWho, type ServerAuthFlags } from './auth-flags.js';
import { type BrokerFlags, brokerOptions } from './broker-flags.js';
import { type ConnectionFlags, connectionOptions } from './connection-flags.js';
import type { ServedDevices } from './devices.js';
import { whereGiven } from './given.js';
import { type ClientTlsFlags, type ServerTlsFlags, serverTls } from './tls-flags.js';

/** Where a server is to be reached, as the command line gives it. */
export interface ListenFlags extends BrokerFlags, ConnectionFlags, ServerTlsFlags, ServerAuthFlags {
  readonly listen?: ReturnType<typeof hostAndPort>;
  readonly mqttListen?: ReturnType<typeof hostAndPort>;
  readonly mqttPrefix?: string;
  readonly broker?: string;
  readonly insecure?: true;
  /** Addresses and nets of proxies in front of the WebSocket. */
  readonly behindProxy?: readonly string[];
  readonly pingEvery?: number;
  /** Clients that are devices which speak JSON. */
  readonly mobile?: readonly IndexRange[];
}

/**
 * A server's transports: a WebSocket unless it is to be reached otherwise alone, and MQTT where it was asked for.
 * @param onTrouble files of certificates were changed to something of no use
 * @throws FedloomError `server.insecure`, `transport.not-installed`, `usage.file`, `usage.tls`, `transport.connect` for an address that is none
 */
export async function listensOf(
  flags: ListenFlags,
  onTrouble: (error: FedloomError) => void,
  devices?: ServedDevices,
): Promise<readonly Listen[]> {
  const { listen, mqttListen, mqttPrefix: prefix, broker, mqttPacketBytes: packetBytesMax, pingEvery } = flags;
  const common = { insecure: flags.insecure ?? false, ...(pingEvery !== undefined && { pingEveryMs: pingEvery }) };
  const tls = await serverTls(flags, onTrouble);
  const { behindProxy } = flags;
  const identified = asksWho(flags);
  const webSocket = {
    ...(tls && { tls }),
    ...(behindProxy && { behindProxy }),
    identified,
    ...connectionOptions(flags),
  };
  const listens: Listen[] = listen === undefined ? [] : [webSocketListen({ ...listen, ...common, ...webSocket })];
  if (mqttListen === undefined && broker === undefined) return listens;
  if (devices !== undefined) listens.push(devices.listen);
  const mqtt = await mqttPackage();
  if (mqttListen !== undefined) {
    listens.push(
      mqtt.mqttListen({
        ...mqttListen,
        ...(prefix && { prefix }),
        ...(packetBytesMax && { packetBytesMax }),
        ...common,
        ...(tls && { tls }),
        identified,
        ...whereGiven('connectionsMax', flags.maxConnections),
        ...whereGiven('connectionsPerAddressMax', flags.maxConnectionsPerAddress),
        ...(devices && { devices: devices.options }),
      }),
    );
  }
  if (broker !== undefined) {
    // Devices are at one broker: that of the server, where it has one.
    const also = devices !== undefined && mqttListen === undefined ? { devices: devices.options } : {};
    listens.push(mqtt.brokerListen(broker, { ...(await brokerOptions(flags)), ...common, ...also }));
  }
  return listens;
}

/**
 * A client's transports beside WebSocket, which is loaded as it is: those that come in packages, when they are dialled. What it trusts
 * and shows at a server, it does at a broker too, unless that is said apart.
 */
export function dialsOf(flags: BrokerFlags & ClientTlsFlags & { readonly pingEvery?: number }): DialsByScheme {
  let loading: Promise<Dial> | undefined;
  const load = async (): Promise<Dial> => {
    const { pingEvery, tlsCa, tlsCert, tlsKey } = flags;
    const own = flags.brokerCert === undefined && flags.brokerKey === undefined;
    const broker = {
      ...flags,
      ...whereGiven('brokerCa', flags.brokerCa ?? tlsCa),
      ...(own && { ...whereGiven('brokerCert', tlsCert), ...whereGiven('brokerKey', tlsKey) }),
    };
    const options = { ...(await brokerOptions(broker)), ...(pingEvery !== undefined && { pingEveryMs: pingEvery }) };
    return (await mqttPackage()).mqttDial(options);
  };
  const dial: Dial = async (url, options) => {
    loading ??= load();
    return (await loading)(url, options);
  };
  return { mqtt: dial, mqtts: dial };
}
