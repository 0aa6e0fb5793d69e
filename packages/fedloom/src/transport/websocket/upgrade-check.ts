import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AdmissionOptions } from './options.js';

export interface UpgradeRules extends AdmissionOptions {
  /** Address the server is bound to. */
  readonly boundHost: string;
}

export interface UpgradeRefusal {
  readonly code: 'transport.host' | 'transport.origin';
  readonly message: string;
}

/**
 * Whether a WebSocket may be opened. A browser lets any page in the world open one to any address it can reach, loopback
 * included, but tells the page's origin; a page that points its own name at this address (DNS rebinding) shows in `Host`.
 * So: a browser's origin must be allowed or be this very server, and `Host` must be an address or a known name. Requests
 * without an origin come from programs; beyond loopback these may use whatever name reaches the server.
 */
export function checkUpgrade(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  rules: UpgradeRules,
): UpgradeRefusal | undefined {
  const { host, origin } = headers;
  const hostName = hostNameOf(`http://${host ?? ''}`);
  const program = origin === undefined;
  const anyName = program && rules.allowedHosts === undefined && !isLoopback(rules.boundHost);
  if (hostName === undefined || !(anyName || isKnownHost(hostName, rules))) {
    return {
      code: 'transport.host',
      message: `Requests for host '${(host ?? '').slice(0, 100)}' are not accepted; add its name to allowedHosts (--allowed-hosts) if it is this server.`,
    };
  }
  if (program || rules.allowedOrigins?.includes(origin) || originHost(origin) === host?.toLowerCase()) return undefined;
  return {
    code: 'transport.origin',
    message: `Pages of origin '${origin.slice(0, 100)}' may not connect; add it to allowedOrigins (--allowed-origins) if they should.`,
  };
}

/** Why a client's certificate is not enough, where one is asked for; undefined: it is. */
export function certificateRefusal(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  if (socket.getPeerX509Certificate() === undefined) {
    return 'this server asks clients for a certificate, and this client showed none; give it one by tls.certificate and tls.key (--tls-cert, --tls-key).';
  }
  const why = String(socket.authorizationError);
  if (why === 'CERT_REVOKED') return "the client's certificate was revoked.";
  return why === 'CERT_HAS_EXPIRED'
    ? "the client's certificate has expired."
    : `the client's certificate is not of an authority that this server trusts (${why}).`;
}

/** `127.0.0.1` and its net, `::1`, `localhost`. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    bare === 'localhost' ||
    bare === '::1' ||
    (isIP(bare) === 4 && bare.startsWith('127.')) ||
    bare === '::ffff:127.0.0.1'
  );
}

function isKnownHost(hostName: string, rules: UpgradeRules): boolean {
  // A rebinding page needs a name: an address in `Host` cannot be one.
  if (isIP(hostName) !== 0 || isLoopback(hostName) || hostName === rules.boundHost.toLowerCase()) return true;
  return rules.allowedHosts?.some((allowed) => allowed.toLowerCase() === hostName) ?? false;
}

function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

function hostNameOf(url: string): string | undefined {
  try {
    const { hostname, pathname, username } = new URL(url);
    return pathname === '/' && username === '' ? hostname.replace(/^\[|\]$/g, '') : undefined;
  } catch {
    return undefined;
  }
}
