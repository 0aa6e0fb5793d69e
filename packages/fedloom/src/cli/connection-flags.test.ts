import { Command } from 'commander';
import { expect, it } from 'vitest';
import type { RunFile } from '../store/run-file.js';
import { addConnectionOptions, connectionOptions, connectionsFrom, recordedConnections } from './connection-flags.js';

const parse = (...args: string[]) => {
  const command = addConnectionOptions(new Command()).exitOverride();
  return command.parse(args, { from: 'user' }).opts();
};

it('limits of a server are what its WebSocket takes, and a resumed run has them again', () => {
  const flags = parse(
    '--allowed-hosts=fl.example, lab.example',
    '--allowed-origins=https://draw.example, http://localhost:5173',
    '--max-connections=100',
    '--max-connections-per-address=90',
    '--join-timeout=1.5',
  );
  expect(connectionOptions(flags)).toEqual({
    allowedHosts: ['fl.example', 'lab.example'],
    allowedOrigins: ['https://draw.example', 'http://localhost:5173'],
    connectionsMax: 100,
    connectionsPerAddressMax: 90,
  });
  const recorded = JSON.parse(JSON.stringify(recordedConnections(flags)));
  expect(recorded.joinTimeoutMs).toBe(1_500);
  expect(connectionsFrom({ arguments: recorded as RunFile['arguments'] })).toEqual(flags);
  expect(recordedConnections(parse())).toEqual({});
});

it.each([
  ['--allowed-origins=draw.example', /--allowed-origins takes scheme, host and port .* not 'draw.example'/],
  ['--allowed-origins=https://draw.example/', /not 'https:\/\/draw.example\/'/],
  ['--max-connections=0', /--max-connections must be a whole number of at least 1/],
  ['--max-connections-per-address=x', /--max-connections-per-address must be a whole number/],
  ['--join-timeout=0', /--join-timeout must be a number of seconds above 0/],
])('%s is refused', (arg, message) => {
  expect(() => parse(arg)).toThrow(message);
});
