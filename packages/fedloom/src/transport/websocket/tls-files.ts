import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';
import { revokedCertificates } from './revoked-certificates.js';
import { serverTlsOptions } from './tls.js';
import type { ServerTls, TlsChange, TlsSource } from './tls-source.js';

/** Files in PEM, as `ServerTls` has their texts. */
export interface TlsFilePaths {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string;
  readonly crl?: string;
}

export interface TlsFilesOptions {
  /** The files were changed to something of no use: what they said before holds on. Default: nobody is told. */
  readonly onTrouble?: (error: FedloomError) => void;
}

/** How often files are looked at: not all file systems tell of changes. */
const LOOK_EVERY_MS = 1_000;
/** A certificate and its key are not changed in one instant. */
const SETTLE_MS = 500;

/** As `tlsFiles` of on-demand.ts. */
export async function openTlsFiles(
  files: TlsFilePaths,
  { onTrouble = () => {} }: TlsFilesOptions = {},
): Promise<TlsSource> {
  return new TlsFiles(files, (await readChange(files)).tls, onTrouble);
}

/** Several transports may listen with the same files: they are looked at once for all. */
class TlsFiles implements TlsSource {
  readonly #told = new Set<(change: TlsChange) => void>();
  #settling: NodeJS.Timeout | undefined;

  constructor(
    private readonly files: TlsFilePaths,
    private tls: ServerTls,
    private readonly onTrouble: (error: FedloomError) => void,
  ) {}

  get current(): ServerTls {
    return this.tls;
  }

  watch(changed: (change: TlsChange) => void): () => void {
    if (this.#told.size === 0) this.#look();
    this.#told.add(changed);
    return () => {
      if (this.#told.delete(changed) && this.#told.size === 0) this.#lookAway();
    };
  }

  #look(): void {
    for (const path of Object.values(this.files)) {
      watchFile(path, { persistent: false, interval: LOOK_EVERY_MS }, this.#touched);
    }
  }

  #lookAway(): void {
    clearTimeout(this.#settling);
    for (const path of Object.values(this.files)) unwatchFile(path, this.#touched);
  }

  readonly #touched = (): void => {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#reload(), SETTLE_MS).unref();
  };

  async #reload(): Promise<void> {
    try {
      const change = await readChange(this.files);
      if (isSame(change.tls, this.tls)) return;
      this.tls = change.tls;
      for (const changed of [...this.#told]) changed(change);
    } catch (error) {
      if (!(error instanceof FedloomError)) throw error;
      this.onTrouble(error);
    }
  }
}

async function readChange(files: TlsFilePaths): Promise<TlsChange> {
  const [certificate, key, clientCa, crl] = await Promise.all([
    read('certificate', files.certificate),
    read('key', files.key),
    files.clientCa === undefined ? undefined : read('clientCa', files.clientCa),
    files.crl === undefined ? undefined : read('crl', files.crl),
  ]);
  const tls = { certificate, key, ...(clientCa !== undefined && { clientCa }), ...(crl !== undefined && { crl }) };
  serverTlsOptions(tls);
  return { tls, isRevoked: crl === undefined ? () => false : await revokedCertificates(crl) };
}

async function read(option: keyof TlsFilePaths, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FedloomError('transport.tls', `The file of tls.${option} cannot be read: ${why}.`, { option }, { cause });
  }
}

function isSame(one: ServerTls, other: ServerTls): boolean {
  return (['certificate', 'key', 'clientCa', 'crl'] as const).every((name) => one[name] === other[name]);
}
