import type { NoFields } from '@fedloom/engine/base';

/** Why there is no connection. */
export type ConnectReason =
  | 'refused'
  | 'unknown-host'
  | 'timeout'
  | 'rejected'
  | 'cancelled'
  | 'url'
  | 'network'
  /** The server's certificate is not to be trusted. */
  | 'certificate'
  /** One end speaks TLS and the other does not. */
  | 'tls';

/** Where a server was to listen: an address of a network, or a path of a socket. */
type ListenFields = { readonly host: string; readonly port: number } | { readonly path: string };

/** The errors of transports: code and fields. */
export interface TransportErrors {
  'mpi.build': { readonly compiler: string };
  'mpi.missing': { readonly host: string };
  'mpi.mixed': { readonly launcher: string; readonly library: string };
  'mpi.not-launched': NoFields;
  'mpi.package': { readonly package: string };

  'server.insecure': { readonly host: string };

  /** `status` is that of an HTTP answer in place of a connection. */
  'transport.connect': { readonly url: string; readonly reason?: ConnectReason; readonly status?: number };
  'transport.full': NoFields;
  'transport.listen': ListenFields;
  'transport.not-installed': { readonly package: string };
  'transport.not-listening': NoFields;
  'transport.options': { readonly option: string; readonly value: unknown };
  'transport.port-in-use': ListenFields;
  /** A certificate or a key of one's own that is of no use. */
  'transport.tls': { readonly option: string };
  'transport.unsupported': { readonly url: string };
}
