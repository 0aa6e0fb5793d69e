import { createHash, type X509Certificate } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from 'node:tls';
import { FedloomError } from '@fedloom/engine/base';
import type { ServerTls, TlsChange, TlsSource } from 'fedloom';

/** Who is at the other end of a line, as far as it is known. */
export interface OtherEnd {
  /** Where it is, for people: `10.0.0.7:51234`. */
  readonly peer: string;
  /** As `Connection.binding` has it. */
  readonly binding?: string;
  /** The name in its certificate, which was checked. */
  readonly certified?: string;
}

/** Within which a client must have agreed on a key. */
const TLS_HANDSHAKE_MS = 10_000;
const PLAIN_NAME = /^[\w.@:+-]{1,64}$/;

/**
 * A server of TCP, or of TLS over it.
 * @throws FedloomError `transport.tls` for a certificate or a key of no use
 */
export function socketServer(tls: ServerTls | undefined, take: (socket: Socket) => void): Server | TlsServer {
  if (tls === undefined) return createServer(take);
  const { clientCa } = tls;
  try {
    return createTlsServer(
      {
        ...contextOf(tls),
        handshakeTimeout: TLS_HANDSHAKE_MS,
        // Who has no certificate that is good enough is refused by MQTT: TLS would break off without a word.
        ...(clientCa !== undefined && { requestCert: true, rejectUnauthorized: false }),
      },
      take,
    );
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `tls.certificate and tls.key (--tls-cert and --tls-key) cannot be used: ${why}. They are PEM texts that belong together.`;
    throw new FedloomError('transport.tls', message, { option: 'certificate' }, { cause });
  }
}

/** As it is now, be it fixed or not. */
export function currentTls(tls: ServerTls | TlsSource | undefined): ServerTls | undefined {
  return tls !== undefined && 'current' in tls ? tls.current : tls;
}

/**
 * Who connects from now on meets what the source says then.
 * @param cut is told whose certificates hold no more, by their serial numbers
 * @returns ends it
 */
export function followTls(
  tls: ServerTls | TlsSource | undefined,
  server: Server | TlsServer,
  cut: (isRevoked: TlsChange['isRevoked']) => void,
): () => void {
  if (tls === undefined || !('watch' in tls) || !('setSecureContext' in server)) return () => {};
  return tls.watch(({ tls: changed, isRevoked }) => {
    server.setSecureContext(contextOf(changed));
    cut(isRevoked);
  });
}

function contextOf({ certificate, key, clientCa, crl }: ServerTls) {
  return { cert: certificate, key, ...(clientCa !== undefined && { ca: clientCa }), ...(crl !== undefined && { crl }) };
}

/** Who opened a socket. @param asked whether it had to show a certificate */
export function otherEndOf(socket: Socket, asked: boolean): OtherEnd {
  const { remoteAddress = '', remotePort = 0 } = socket;
  const peer = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
  if (!(socket instanceof TLSSocket)) return { peer };
  const [own, theirs] = [socket.getX509Certificate(), asked ? socket.getPeerX509Certificate() : undefined];
  return {
    peer,
    ...(own !== undefined && { binding: bindingOf(own) }),
    ...(theirs !== undefined && { certified: nameIn(theirs) }),
  };
}

/** Whether a client showed no certificate that is good enough. */
export function isUntrusted(socket: Socket): boolean {
  return socket instanceof TLSSocket && !socket.authorized;
}

/** Of the certificate that a client showed, in hexadecimal digits. */
export function serialNumberOf(socket: Socket): string | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.serialNumber : undefined;
}

/** What proofs of identity are bound to, where a certificate was shown. */
export function bindingOf({ raw }: X509Certificate): string {
  return `tls:${createHash('sha256').update(raw).digest('hex')}`;
}

/** The common name, or the fingerprint where that is of no use. */
function nameIn({ subject, fingerprint256 }: X509Certificate): string {
  const name = /^CN=(.+)$/m.exec(subject)?.[1] ?? '';
  return PLAIN_NAME.test(name) ? name : fingerprint256;
}
