import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { FedloomError } from '@fedloom/engine';
import type { ClientTls } from './options.js';
import type { ServerTls } from './tls-source.js';

/** Within which a client must have agreed on a key. */
const TLS_HANDSHAKE_MS = 10_000;

/**
 * What `node:https` needs. Clients without an acceptable certificate are refused later, by HTTP, where they can be told why.
 * @throws FedloomError `transport.tls`
 */
export function serverTlsOptions(tls: ServerTls) {
  const { clientCa } = tls;
  return {
    ...secureContextOptions(tls),
    handshakeTimeout: TLS_HANDSHAKE_MS,
    ...(clientCa !== undefined && { requestCert: true, rejectUnauthorized: false }),
  };
}

/** What of it may change while a server listens. @throws FedloomError `transport.tls` */
export function secureContextOptions({ certificate, key, clientCa, crl }: ServerTls) {
  checkPair(certificate, key);
  if (clientCa !== undefined) parsed('clientCa', clientCa);
  if (crl !== undefined && clientCa === undefined) {
    const message = 'tls.crl (--tls-crl) lists certificates of clients: give tls.clientCa (--tls-client-ca) too.';
    throw new FedloomError('transport.tls', message, { option: 'crl' });
  }
  return { cert: certificate, key, ...(clientCa !== undefined && { ca: clientCa }), ...(crl !== undefined && { crl }) };
}

/** @throws FedloomError `transport.tls` */
export function clientTlsContext({ ca, certificate, key }: ClientTls): SecureContext {
  if (ca !== undefined) parsed('ca', ca);
  if (certificate !== undefined || key !== undefined) {
    if (certificate === undefined || key === undefined) {
      throw new FedloomError(
        'transport.tls',
        `A ${certificate === undefined ? 'key' : 'certificate'} alone proves nothing: give tls.certificate and tls.key (--tls-cert and --tls-key).`,
        { option: certificate === undefined ? 'certificate' : 'key' },
      );
    }
    checkPair(certificate, key);
  }
  return createSecureContext({
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
  });
}

/** The encryption by a server's certificate, as `Connection.binding` has it. */
export function tlsBinding({ raw }: X509Certificate): string {
  return `tls:${createHash('sha256').update(raw).digest('hex')}`;
}

/** Who a client is by its certificate, which was checked: its common name, or its fingerprint where that is of no use. */
export function certifiedName(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const name = /^CN=(.+)$/m.exec(certificate.subject)?.[1] ?? '';
  return PLAIN_NAME.test(name) ? name : certificate.fingerprint256;
}

const PLAIN_NAME = /^[\w.@:+-]{1,64}$/;

function checkPair(certificate: string, key: string): void {
  const own = parsed('certificate', certificate);
  let secret: ReturnType<typeof createPrivateKey>;
  try {
    secret = createPrivateKey(key);
  } catch (cause) {
    const encrypted = /passphrase|ENCRYPTED/.test(`${cause} ${key.slice(0, 200)}`);
    const why = encrypted
      ? 'is encrypted: decrypt it, nobody is there to type a passphrase'
      : 'is no private key in PEM';
    throw new FedloomError('transport.tls', `tls.key (--tls-key) ${why}.`, { option: 'key' });
  }
  if (!own.checkPrivateKey(secret)) {
    const message =
      'tls.certificate and tls.key (--tls-cert and --tls-key) do not belong together: the key is that of another certificate.';
    throw new FedloomError('transport.tls', message, { option: 'key' });
  }
  if (Date.parse(own.validTo) < Date.now()) {
    const message = `tls.certificate (--tls-cert) has expired on ${own.validTo}: nobody would accept it. Get a new one.`;
    throw new FedloomError('transport.tls', message, { option: 'certificate' });
  }
}

const flags = { certificate: '--tls-cert', ca: '--tls-ca', clientCa: '--tls-client-ca' };

function parsed(option: keyof typeof flags, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    const message = `tls.${option} (${flags[option]}) is no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----.`;
    throw new FedloomError('transport.tls', message, { option }, { cause });
  }
}
