import { FedloomError } from '@fedloom/engine';
import type { DevicePort } from '../../protocol/device-port.js';
import type { Dial, Listen } from '../../protocol/transport.js';
import type { ServerTls, TlsSource } from '../websocket/tls-source.js';

/** How to get along with an MQTT broker; the package's `BrokerOptions` say more. */
export interface MqttBrokerOptions {
  readonly user?: string;
  readonly password?: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** 4 is MQTT 3.1.1. */
  readonly version?: 4 | 5;
  readonly packetBytesMax?: number;
  readonly pingEveryMs?: number;
}

/** Devices that speak JSON, by their numbers from 1, and who takes the port to them. */
export interface MqttDeviceOptions {
  readonly numbers: readonly number[];
  readonly open: (port: DevicePort) => void;
}

/** What a server's own broker is told. */
export interface MqttListenOptions {
  readonly host?: string;
  readonly port?: number;
  readonly prefix?: string;
  readonly insecure?: boolean;
  /** Encrypt, and ask for certificates of clients where `clientCa` is given. */
  readonly tls?: ServerTls | TlsSource;
  /** Clients must prove who they are. */
  readonly identified?: boolean;
  readonly connectionsMax?: number;
  readonly connectionsPerAddressMax?: number;
  readonly devices?: MqttDeviceOptions;
  readonly packetBytesMax?: number;
  readonly pingEveryMs?: number;
}

/** What a server's end at another's broker is told. */
export interface BrokerListenOptions extends MqttBrokerOptions {
  readonly insecure?: boolean;
  readonly devices?: MqttDeviceOptions;
}

/** What this package uses of `@fedloom/transport-mqtt`, which it neither contains nor needs for anything else. */
export interface MqttPackage {
  /** A server's end at a broker that it hosts itself. */
  readonly mqttListen: (options: MqttListenOptions) => Listen;
  /** A server's end at a broker that is there: `mqtt://HOST:PORT/PREFIX`. */
  readonly brokerListen: (url: string, options: BrokerListenOptions) => Listen;
  readonly mqttDial: (options: MqttBrokerOptions) => Dial;
}

/** Not written into the import, which compilers and bundlers would follow. */
const NAME = '@fedloom/transport-mqtt';

/** @throws FedloomError `transport.not-installed` */
export async function mqttPackage(): Promise<MqttPackage> {
  const name: string = NAME;
  try {
    return (await import(name)) as MqttPackage;
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    const message = `MQTT needs the package ${NAME}, which is not installed. Install it: npm install ${NAME}`;
    throw new FedloomError('transport.not-installed', message, { package: NAME }, { cause });
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
}
