import { X509Certificate } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import { writeWhole } from '../../store/write-whole.js';
import { textOfFile } from '../option-file.js';
import { writePrivateFile } from '../private-file.js';
import {
  type CertificatePair,
  issueCertificate,
  makeAuthority,
  makeRevocationList,
  readRevocationList,
} from './issue.js';

const AUTHORITY = 'ca';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const LIST = 'crl.pem';

/** @returns the paths of what was made @throws FedloomError `certs.exists`, `store.*` */
export async function initAuthority(folder: string, days: number): Promise<CertificatePair> {
  const authority = await makeAuthority('fedloom certs', days);
  const paths = await write(folder, AUTHORITY, authority);
  await writeList(folder, await makeRevocationList(authority, []));
  return paths;
}

/**
 * Takes a certificate back: adds it to the authority's list.
 * @param name as it was issued
 * @returns the path of the list
 * @throws FedloomError `certs.no-authority`, `usage.file`, `usage.value`, `store.*`
 */
export async function revokeFile(folder: string, name: string): Promise<string> {
  checkName(name);
  const authority = await authorityOf(folder);
  const [certificate = '', list] = await Promise.all([
    textOfFile('NAME', join(folder, `${name}.pem`)),
    readFile(join(folder, LIST), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined;
      throw storageError(cause, 'use the folder', folder, '--folder');
    }),
  ]);
  const before = list === undefined ? [] : readRevocationList(list);
  const { serialNumber } = new X509Certificate(certificate);
  const known = before.some((one) => BigInt(`0x${one.serialNumber}`) === BigInt(`0x${serialNumber}`));
  const all = known ? before : [...before, { serialNumber, revocationDate: new Date() }];
  return writeList(folder, await makeRevocationList(authority, all));
}

async function writeList(folder: string, list: string): Promise<string> {
  const path = join(folder, LIST);
  await writeWhole(path, list).catch((cause: NodeJS.ErrnoException) => {
    throw storageError(cause, 'use the folder', folder, '--folder');
  });
  return path;
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
  checkName(name);
  return write(folder, name, await issueCertificate(await authorityOf(folder), request));
}

function checkName(name: string): void {
  if (NAME.test(name) && name !== AUTHORITY) return;
  const message = `NAME must be 1 to 64 letters, digits, ".", "_" and "-", and not ${AUTHORITY}, but is "${name}".`;
  throw new FedloomError('usage.value', message, { name: 'NAME', text: name });
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
