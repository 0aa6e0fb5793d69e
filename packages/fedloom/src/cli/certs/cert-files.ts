import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import { writePrivateFile } from '../private-file.js';
import { type CertificatePair, issueCertificate, makeAuthority } from './issue.js';

const AUTHORITY = 'ca';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @returns the paths of what was made @throws FedloomError `certs.exists`, `store.*` */
export async function initAuthority(folder: string, days: number): Promise<CertificatePair> {
  return write(folder, AUTHORITY, await makeAuthority('fedloom certs', days));
}

/**
 * @returns the paths of what was made
 * @throws FedloomError `certs.exists`, `certs.no-authority`, `usage.value` for a name that makes no file, `store.*`
 */
export async function issueFiles(
  folder: string,
  request: { readonly name: string; readonly hosts: readonly string[]; readonly days: number },
): Promise<CertificatePair> {
  const { name } = request;
  if (!NAME.test(name) || name === AUTHORITY) {
    const message = `NAME must be 1 to 64 letters, digits, ".", "_" and "-", and not ${AUTHORITY}, but is "${name}".`;
    throw new FedloomError('usage.value', message, { name: 'NAME', text: name });
  }
  return write(folder, name, await issueCertificate(await authorityOf(folder), request));
}

async function authorityOf(folder: string): Promise<CertificatePair> {
  try {
    const [certificate, key] = await Promise.all(
      ['pem', 'key'].map((kind) => readFile(join(folder, `${AUTHORITY}.${kind}`), 'utf8')),
    );
    if (certificate !== undefined && key !== undefined) return { certificate, key };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      throw storageError(cause, 'use the folder', folder, '--folder');
  }
  const message = `There is no authority in ${folder}: it needs ca.pem and ca.key. Make one with \`fedloom certs init\`.`;
  throw new FedloomError('certs.no-authority', message, { folder });
}

/** The key first: who has a certificate has its key. */
async function write(folder: string, name: string, pair: CertificatePair): Promise<CertificatePair> {
  const paths = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  let at = paths.key;
  try {
    await makeFolders(folder, 0o700);
    await writePrivateFile(paths.key, pair.key);
    at = paths.certificate;
    await writeFile(paths.certificate, pair.certificate, { flag: 'wx', mode: 0o644 });
  } catch (cause) {
    if (at === paths.certificate) await rm(paths.key, { force: true });
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST')
      throw storageError(cause, 'use the folder', folder, '--folder');
    const message = `${at} exists, and is left as it is: who has certificates of it would be locked out. Take another name or --folder, or remove it.`;
    throw new FedloomError('certs.exists', message, { path: at });
  }
  return paths;
}
