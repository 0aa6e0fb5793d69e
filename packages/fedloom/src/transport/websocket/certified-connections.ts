import type { TLSSocket } from 'node:tls';
import type { SocketConnection } from './socket-connection.js';

const REVOKED = "transport.certificate: the client's certificate was revoked";

/** Connections that are open by a client's certificate. */
export class CertifiedConnections {
  readonly #open = new Map<SocketConnection, string>();

  add(connection: SocketConnection, socket: TLSSocket): void {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return;
    this.#open.set(connection, certificate.serialNumber);
    socket.once('close', () => this.#open.delete(connection));
  }

  /** Ends those whose certificates hold no more. */
  cut(isRevoked: (serialNumber: string) => boolean): void {
    for (const [connection, serialNumber] of [...this.#open]) if (isRevoked(serialNumber)) connection.abort(REVOKED);
  }
}
