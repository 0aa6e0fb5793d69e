import { FedloomError } from '@fedloom/engine';
import type { ConnectReason } from '../error-codes.js';
import type { WebSocketDialOptions } from './options.js';

/** Of Node's `tls`: nobody whom this end trusts signed the server's certificate. */
const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
const EXPIRED: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

type Cause = Error & {
  readonly code?: string;
  /** The certificate, where it is for other names. */
  readonly cert?: { readonly subjectaltname?: string };
};

/** Why a server could not be reached, from what Node says. */
export function dialError(url: string, cause: Cause, { tls, proxy }: WebSocketDialOptions): FedloomError {
  const untrusted = certificateTrouble(url, cause, tls?.ca !== undefined);
  if (untrusted !== undefined) {
    return new FedloomError('transport.connect', untrusted, { url, reason: 'certificate' }, { cause });
  }
  const error = connectError(url, reasonOf(url, cause), cause);
  return proxy === undefined
    ? error
    : error.reworded(`${error.message} It was dialled through the proxy ${proxyName(proxy)}.`);
}

/** Without what is secret of its address. */
export function proxyName(proxy: string): string {
  return new URL(proxy).host;
}

export function connectError(url: string, reason: ConnectReason, cause: unknown): FedloomError {
  const secure = url.startsWith('wss:');
  const brokenOff = !secure && (cause as Cause | undefined)?.code === 'ECONNRESET';
  const why: Record<Exclude<ConnectReason, 'certificate'>, string> = {
    refused: `There is no server at ${url} yet (connection refused). Start it, or check the address.`,
    'unknown-host': `The host name of ${url} is not known. Check the address.`,
    timeout: `The server at ${url} did not answer in time. Check the address and the firewall between.`,
    rejected: `The server at ${url} refused.`,
    cancelled: `Connecting to ${url} was cancelled.`,
    url: `'${url}' is not an address of a server; it reads like ws://HOST:PORT.`,
    tls: `The server at ${url} does not speak TLS: its address begins with ws://, or it was started without --tls-cert.`,
    network:
      `Connecting to ${url} failed: ${cause instanceof Error ? cause.message : String(cause)}.` +
      (brokenOff ? ' If the server speaks TLS, its address begins with wss://.' : ''),
  };
  const text = reason === 'certificate' ? why.rejected : why[reason];
  return new FedloomError('transport.connect', text, { url, reason }, { cause });
}

function reasonOf(url: string, { code, message }: Cause): ConnectReason {
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unknown-host';
  if (code === 'ETIMEDOUT' || message.includes('timed out')) return 'timeout';
  if (url.startsWith('wss:') && /wrong version number|packet length too long/i.test(message)) return 'tls';
  return 'network';
}

/** @param ownCa whether the client was told whom to trust */
function certificateTrouble(url: string, { code = '', cert, message }: Cause, ownCa: boolean): string | undefined {
  const { hostname } = new URL(url);
  if (UNKNOWN_AUTHORITY.has(code)) {
    return (
      `The certificate of ${url} was not signed by ${ownCa ? 'the authority that was given' : 'an authority that this machine knows'}. ` +
      'Give the certificate of the authority that signed it with --tls-ca FILE (tls.ca); `fedloom certs init` wrote it as ca.pem.'
    );
  }
  if (EXPIRED.has(code)) {
    return (
      `The certificate of ${url} ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}, by the clock of this machine. ` +
      'Correct the clock, or ask whoever runs the server for a certificate that is valid.'
    );
  }
  if (code === OTHER_NAME) {
    const names = (cert?.subjectaltname ?? '').slice(0, 400).replace(/[^\x20-\x7e]/g, '?') || 'no name at all';
    return (
      `The certificate of ${url} is not for ${hostname}, but for ${names}. ` +
      `Dial one of these, or ask for a certificate for it: fedloom certs issue NAME --host ${hostname}.`
    );
  }
  return /^(?:CERT_|ERR_TLS_CERT|INVALID_|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(code)
    ? `The certificate of ${url} is not acceptable: ${message}. Ask whoever runs the server for another.`
    : undefined;
}
