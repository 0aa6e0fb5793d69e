import { createPrivateKey, KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
// What the next one finds its parts by.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** For clocks that are behind. */
const EARLIER_MS = 3_600_000;

/** A certificate and its private key, both in PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that signs nothing but certificates of ends. @param days how long it is valid */
export async function makeAuthority(name: string, days: number): Promise<CertificatePair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [name] }],
      ...validity(days),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return pairOf(certificate, keys);
}

/**
 * A certificate of an authority's, for a server under each of its hosts, and for a client.
 * @param hosts DNS names and IP addresses; a client needs none
 */
export async function issueCertificate(
  authority: CertificatePair,
  { name, hosts, days }: { readonly name: string; readonly hosts: readonly string[]; readonly days: number },
): Promise<CertificatePair> {
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const purposes = [x509.ExtendedKeyUsage.clientAuth, ...(hosts.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : [])];
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [name] }],
      issuer: issuer.subjectName,
      ...validity(days, issuer.notAfter),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: await signingKey(authority.key),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(purposes),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
        ...(hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(hosts.map(generalName))]),
      ],
    },
    webcrypto,
  );
  return pairOf(certificate, keys);
}

/** A certificate that its authority takes back. */
export interface Revocation {
  /** In hexadecimal digits. */
  readonly serialNumber: string;
  readonly revocationDate: Date;
}

/** An authority's list of revoked certificates, in PEM; valid as long as the authority is. */
export async function makeRevocationList(authority: CertificatePair, entries: readonly Revocation[]): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const list = await x509.X509CrlGenerator.create(
    {
      issuer: issuer.subjectName,
      thisUpdate: new Date(Date.now() - EARLIER_MS),
      nextUpdate: issuer.notAfter,
      entries: [...entries],
      signingAlgorithm: ALGORITHM,
      signingKey: await signingKey(authority.key),
      extensions: [await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto)],
    },
    webcrypto,
  );
  const lines =
    Buffer.from(list.rawData)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`;
}

/** What a list in PEM, as `makeRevocationList` makes it, holds. */
export function readRevocationList(pem: string): readonly Revocation[] {
  const base64 = pem.replace(/-----[^-]*-----/g, '');
  return new x509.X509Crl(Buffer.from(base64, 'base64')).entries.map(({ serialNumber, revocationDate }) => ({
    serialNumber,
    revocationDate,
  }));
}

function generalName(host: string): { readonly type: 'ip' | 'dns'; readonly value: string } {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host };
}

function validity(days: number, end?: Date): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  const notAfter = new Date(now + days * DAY_MS);
  return { notBefore: new Date(now - EARLIER_MS), notAfter: end !== undefined && end < notAfter ? end : notAfter };
}

function newKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function signingKey(pem: string) {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

/** 127 random bits: positive, and never twice. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString('hex');
}

function pairOf(certificate: x509.X509Certificate, keys: Awaited<ReturnType<typeof newKeys>>): CertificatePair {
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
