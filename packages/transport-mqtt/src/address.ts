import { FedloomError } from '@fedloom/engine/base';

/** Where a broker is, and below which topic server and clients meet. */
export interface BrokerAddress {
  /** As it was written. */
  readonly url: string;
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  /** What all topics of a run begin with, without a `/` at its end. */
  readonly prefix: string;
}

export const defaultPrefix = 'fedloom';
const PREFIX_BYTES_MAX = 200;

/**
 * Reads `mqtt://HOST[:PORT][/PREFIX]` or `mqtts://...`.
 * @throws FedloomError `transport.connect` (reason `url`)
 */
export function parseAddress(url: string): BrokerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^mqtts?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw badAddress(url, 'it reads like mqtt://HOST:PORT/PREFIX');
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw badAddress(url, 'user and password do not belong into an address, where others can read them', '***');
  }
  const tls = parsed.protocol === 'mqtts:';
  const prefix = decodeURIComponent(parsed.pathname).replace(/^\/+|\/+$/g, '') || defaultPrefix;
  checkPrefix(prefix, url);
  return {
    url,
    tls,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? (tls ? 8883 : 1883) : Number(parsed.port),
    prefix,
  };
}

/** @throws FedloomError `transport.connect` (reason `url`) when brokers would take it for something else than a topic */
export function checkPrefix(prefix: string, url: string): void {
  if (/[+#\0]/.test(prefix) || prefix.startsWith('$')) {
    throw badAddress(url, `the prefix '${prefix}' must be a plain topic, without + and #, and must not begin with $`);
  }
  if (Buffer.byteLength(prefix) > PREFIX_BYTES_MAX) {
    throw badAddress(url, `its prefix is longer than ${PREFIX_BYTES_MAX} bytes`);
  }
}

export function addressOf(host: string, port: number, tls: boolean, prefix: string): string {
  return `${brokerOf({ tls, host, port })}/${prefix}`;
}

function badAddress(url: string, why: string, shown = `'${url}'`): FedloomError {
  return new FedloomError('transport.connect', `${shown} is not an address of a broker: ${why}.`, {
    url: shown,
    reason: 'url',
  });
}

/** The broker alone, for people. */
export function brokerOf({ tls, host, port }: Pick<BrokerAddress, 'tls' | 'host' | 'port'>): string {
  return `mqtt${tls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
