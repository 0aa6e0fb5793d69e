import { FedloomError } from '@fedloom/engine';
import type { Dial } from '../protocol/transport.js';

/** Transports by the scheme of the addresses that they dial, without its colon: `ws`, `unix`. */
export type DialsByScheme = Readonly<Record<string, Dial>>;

/**
 * Dials each address with the transport of its scheme.
 * @throws FedloomError `transport.connect` (reason `url`) when the address has no scheme, or none of these
 */
export function dialByScheme(dials: DialsByScheme): Dial {
  const known = new Map(Object.entries(dials));
  return async (url, options) => {
    const scheme = /^[a-z][a-z0-9+.-]*(?=:)/i.exec(url)?.[0].toLowerCase();
    const dial = scheme === undefined ? undefined : known.get(scheme);
    if (dial !== undefined) return dial(url, options);
    const schemes = [...known.keys()].map((name) => `${name}:`).join(', ');
    throw new FedloomError(
      'transport.connect',
      `'${url}' is not an address of a server: it reads like ws://HOST:PORT. This client dials ${schemes}; other transports are given as 'dial'.`,
      { url, reason: 'url' },
    );
  };
}
