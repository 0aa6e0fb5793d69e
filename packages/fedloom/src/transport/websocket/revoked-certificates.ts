import { FedloomError } from '@fedloom/engine';

const LIST = /-----BEGIN X509 CRL-----([\s\S]*?)-----END X509 CRL-----/g;

/**
 * Tells whether a certificate stands in one of the revocation lists of a PEM text, by its serial number in hexadecimal digits.
 * @throws FedloomError `transport.tls` for a text without lists, or one that cannot be read
 */
export async function revokedCertificates(pem: string): Promise<(serialNumber: string) => boolean> {
  const lists = [...pem.matchAll(LIST)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
  if (lists.length === 0) throw noList('it begins with -----BEGIN X509 CRL-----');
  // What the library finds its parts by; it is loaded for servers alone that have such a list.
  await import('reflect-metadata');
  const { X509Crl } = await import('@peculiar/x509');
  try {
    const entries = lists.flatMap((list) => [...new X509Crl(list).entries]);
    const revoked = new Set(entries.map(({ serialNumber }) => plain(serialNumber)));
    return (serialNumber) => revoked.has(plain(serialNumber));
  } catch (cause) {
    throw noList(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Libraries write the same number with leading zeros or without. */
function plain(serialNumber: string): bigint {
  return BigInt(`0x${serialNumber}`);
}

function noList(why: string): FedloomError {
  const message = `tls.crl (--tls-crl) is no list of revoked certificates in PEM: ${why}.`;
  return new FedloomError('transport.tls', message, { option: 'crl' });
}
