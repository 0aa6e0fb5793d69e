import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { MqttBrokerOptions } from '../transport/mqtt/mqtt-package.js';
import { wholeNumber } from './arguments.js';
import { argument, whereGiven } from './given.js';
import { textOfFile } from './option-file.js';

/** How to get along with a broker, as the command line gives it. Secrets come as files, or by the environment. */
export interface BrokerFlags {
  readonly brokerUser?: string;
  readonly brokerPasswordFile?: string;
  readonly brokerCa?: string;
  readonly brokerCert?: string;
  readonly brokerKey?: string;
  readonly mqttVersion?: (typeof VERSIONS)[number];
  readonly mqttPacketBytes?: number;
}

const VERSIONS = ['3.1.1', '5'] as const;
const FILES = ['brokerPasswordFile', 'brokerCa', 'brokerCert', 'brokerKey'] as const;
const PASSWORD_VARIABLE = 'FEDLOOM_BROKER_PASSWORD';

export function addBrokerOptions(command: Command): Command {
  return command
    .option('--broker-user <name>', 'user at the MQTT broker')
    .option('--broker-password-file <file>', `file with the password there (or the variable ${PASSWORD_VARIABLE})`)
    .option('--broker-ca <file>', 'certificate (PEM) that a broker with TLS is trusted by, in place of the known ones')
    .option('--broker-cert <file>', 'own certificate (PEM), for brokers that ask for one')
    .option('--broker-key <file>', 'its key (PEM)')
    .addOption(
      new Option('--mqtt-version <version>', 'MQTT to speak (default: 5 where the broker does)').choices(VERSIONS),
    )
    .addOption(
      new Option('--mqtt-packet-bytes <n>', 'largest MQTT packet to send (default: 245760)').argParser(
        wholeNumber('--mqtt-packet-bytes', 1024, 2 ** 28),
      ),
    );
}

/** Those that were given, as `run.json` keeps them: no secret is among them. */
export function brokerFlags(flags: BrokerFlags): BrokerFlags {
  const { brokerUser, mqttVersion, mqttPacketBytes } = flags;
  const files = FILES.flatMap((name) => {
    const file = flags[name];
    return file === undefined ? [] : [[name, resolve(file)]];
  });
  return {
    ...Object.fromEntries(files),
    ...whereGiven('brokerUser', brokerUser),
    ...whereGiven('mqttVersion', mqttVersion),
    ...whereGiven('mqttPacketBytes', mqttPacketBytes),
  };
}

/** As arguments of `server` and `client`; no secret is among them. */
export function brokerArguments(flags: BrokerFlags): string[] {
  return [
    ...argument('--broker-user', flags.brokerUser),
    ...argument('--broker-password-file', flags.brokerPasswordFile),
    ...argument('--broker-ca', flags.brokerCa),
    ...argument('--broker-cert', flags.brokerCert),
    ...argument('--broker-key', flags.brokerKey),
    ...argument('--mqtt-version', flags.mqttVersion),
    ...argument('--mqtt-packet-bytes', flags.mqttPacketBytes),
  ];
}

/** @throws FedloomError `usage.file` for a file that cannot be read */
export async function brokerOptions(flags: BrokerFlags): Promise<MqttBrokerOptions> {
  const [passwordText, ca, certificate, key] = await Promise.all([
    textOfFile('--broker-password-file', flags.brokerPasswordFile),
    textOfFile('--broker-ca', flags.brokerCa),
    textOfFile('--broker-cert', flags.brokerCert),
    textOfFile('--broker-key', flags.brokerKey),
  ]);
  const password = passwordText?.replace(/\r?\n$/, '') ?? process.env[PASSWORD_VARIABLE];
  const { brokerUser: user, mqttVersion, mqttPacketBytes: packetBytesMax } = flags;
  return {
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...(mqttVersion !== undefined && { version: mqttVersion === '5' ? 5 : 4 }),
    ...(packetBytesMax !== undefined && { packetBytesMax }),
  };
}
