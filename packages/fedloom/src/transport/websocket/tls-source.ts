/** With what a server encrypts, and whom it lets in. PEM texts. */
export interface ServerTls {
  /** The server's certificate, with those between it and its authority behind it. */
  readonly certificate: string;
  /** Its private key. */
  readonly key: string;
  /** Authorities one of which must have signed the certificate of a client. Default: clients need no certificate. */
  readonly clientCa?: string;
  /** Lists of certificates that these authorities have revoked, one for each. Default: none are. */
  readonly crl?: string;
}

/** What a server shows and asks for, from now on. */
export interface TlsChange {
  readonly tls: ServerTls;
  /** Whether a client's certificate was revoked. @param serialNumber in hexadecimal digits */
  readonly isRevoked: (serialNumber: string) => boolean;
}

/** TLS that changes while a server listens: `tlsFiles` has it of files. Whether certificates of clients are asked for does not change. */
export interface TlsSource {
  readonly current: ServerTls;
  /**
   * Tells of each change from now on: who connects then meets it, and who is connected by a certificate that was revoked is cut.
   * @returns ends it; it must not keep the process alive
   */
  watch(changed: (change: TlsChange) => void): () => void;
}

/** As it is now, be it fixed or not. */
export function currentTls(tls: ServerTls | TlsSource | undefined): ServerTls | undefined {
  return tls !== undefined && 'current' in tls ? tls.current : tls;
}
