import { createHash, type X509Certificate } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from 'node:tls';
import { FedloomError } from '@fedloom/engine/base';
import type { ServerTls } from 'fedloom';

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
  const { certificate, key, clientCa } = tls;
  try {
    return createTlsServer(
      {
        cert: certificate,
        key,
        handshakeTimeout: TLS_HANDSHAKE_MS,
        // Who has no certificate that is good enough is refused by MQTT: TLS would break off without a word.
        ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
      },
      take,
    );
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `tls.certificate and tls.key (--tls-cert and --tls-key) cannot be used: ${why}. They are PEM texts that belong together.`;
    throw new FedloomError('transport.tls', message, { option: 'certificate' }, { cause });
  }
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

/** What proofs of identity are bound to, where a certificate was shown. */
export function bindingOf({ raw }: X509Certificate): string {
  return `tls:${createHash('sha256').update(raw).digest('hex')}`;
}

/** The common name, or the fingerprint where that is of no use. */
function nameIn({ subject, fingerprint256 }: X509Certificate): string {
  const name = /^CN=(.+)$/m.exec(subject)?.[1] ?? '';
  return PLAIN_NAME.test(name) ? name : fingerprint256;
}
