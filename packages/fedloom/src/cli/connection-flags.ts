import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import type { RunFile } from '../store/run-file.js';
import type { AdmissionOptions, ConnectionLimits } from '../transport/websocket/options.js';
import { commaSeparated, seconds, wholeNumber } from './arguments.js';
import { whereGiven } from './given.js';

/** Who may connect to a server over WebSocket, and how many, as the command line gives it. */
export interface ConnectionFlags {
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly maxConnections?: number;
  readonly maxConnectionsPerAddress?: number;
  readonly joinTimeout?: number;
}

export function addConnectionOptions(command: Command): Command {
  return command
    .option(
      '--allowed-hosts <names>',
      'names under which clients may address this server, beside its address: fl.example,lab.example',
      commaSeparated,
    )
    .option(
      '--allowed-origins <origins>',
      'origins of web pages that may take part, with commas between: https://draw.example',
      allowedOrigins,
    )
    .addOption(
      new Option(
        '--max-connections <n>',
        'connections open at once, whatever they say (default: 16384, or as many as the limit on open files allows)',
      ).argParser(wholeNumber('--max-connections', 1)),
    )
    .addOption(
      new Option(
        '--max-connections-per-address <n>',
        'the same from one address (default: half of all; with --behind-proxy all)',
      ).argParser(wholeNumber('--max-connections-per-address', 1)),
    )
    .addOption(
      new Option(
        '--join-timeout <seconds>',
        'how long a connection may be open over which no client takes part (default: 600)',
      ).argParser(seconds('--join-timeout')),
    );
}

/** @throws FedloomError `usage.value` for what no browser says */
function allowedOrigins(text: string): string[] {
  const origins = commaSeparated(text);
  const wrong = origins.find((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin);
  if (wrong === undefined) return origins;
  const name = '--allowed-origins';
  const message = `${name} takes scheme, host and port as a browser says them, such as https://draw.example, not '${wrong}'.`;
  throw new FedloomError('usage.value', message, { name, text });
}

/** What of these a WebSocket takes. */
export function connectionOptions(flags: ConnectionFlags): ConnectionLimits & AdmissionOptions {
  return {
    ...whereGiven('allowedHosts', flags.allowedHosts),
    ...whereGiven('allowedOrigins', flags.allowedOrigins),
    ...whereGiven('connectionsMax', flags.maxConnections),
    ...whereGiven('connectionsPerAddressMax', flags.maxConnectionsPerAddress),
  };
}

/** As `run.json` keeps it. */
export function recordedConnections(flags: ConnectionFlags) {
  return { ...connectionOptions(flags), ...whereGiven('joinTimeoutMs', flags.joinTimeout) };
}

/** As `run.json` has it. */
export function connectionsFrom({ arguments: args }: Pick<RunFile, 'arguments'>): ConnectionFlags {
  return {
    ...whereGiven('allowedHosts', args.allowedHosts),
    ...whereGiven('allowedOrigins', args.allowedOrigins),
    ...whereGiven('maxConnections', args.connectionsMax),
    ...whereGiven('maxConnectionsPerAddress', args.connectionsPerAddressMax),
    ...whereGiven('joinTimeout', args.joinTimeoutMs),
  };
}
