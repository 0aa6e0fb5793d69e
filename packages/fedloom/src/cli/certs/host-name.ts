import { isIP } from 'node:net';
import { FedloomError } from '@fedloom/engine';
import { commaSeparated } from '../arguments.js';

const DNS_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62}\.?)*$/i;
const DNS_NAME_LENGTH_MAX = 253;

/** Names and addresses of `--host`, added to those before. @throws FedloomError `usage.value` */
export function hostName(text: string, before: readonly string[] = []): string[] {
  const hosts = commaSeparated(text);
  const wrong = hosts.find((host) => isIP(host) === 0 && !(DNS_NAME.test(host) && host.length <= DNS_NAME_LENGTH_MAX));
  if (hosts.length > 0 && wrong === undefined) return [...before, ...hosts];
  const message = `--host must be names or IP addresses such as fed.example,10.0.0.7, without scheme and port, but is "${text}".`;
  throw new FedloomError('usage.value', message, { name: '--host', text });
}
