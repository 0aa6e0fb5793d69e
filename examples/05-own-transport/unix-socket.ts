// A transport of one's own: connections over a Unix socket, for server and clients on one machine without a port. It is
// written with what fedloom exports, and passes fedloom's suite for transports: see conformance.ts.
import { createConnection, createServer, type Socket } from 'node:net';
import { type Connection, type ConnectionHandlers, type Dial, FedloomError, type Listen } from 'fedloom';

/** On the wire: one byte kind, four bytes length (little-endian), then so many bytes. */
const HEADER_BYTES = 5;
const KIND = { frame: 0, close: 1 };
/** PROTOCOL.md, section 11: no frame is longer. Checked before memory is taken. */
const FRAME_BYTES_MAX = (1 << 20) + 16;
const BUFFERED_BYTES_MAX = 8 << 20;
/** How long a close waits for the other end. */
const FAREWELL_MS = 10_000;

const SCHEME = 'unix:';

/** Listens at a path, as `createServer` takes it: `listeners: [unixListen('/run/fedloom.sock')]`. */
export function unixListen(path: string): Listen {
  return (onConnection) =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => onConnection(new UnixConnection(socket, path)));
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const advice = cause.code === 'EADDRINUSE' ? ' Is a server running there? If not, remove the file.' : '';
        const message = `Cannot listen at ${path}: ${cause.message}.${advice}`;
        reject(new FedloomError('transport.listen', message, { path }, { cause }));
      });
      server.listen(path, () =>
        resolve({
          url: `${SCHEME}${path}`,
          // Not awaited by its callback, which waits for every open connection.
          close: async () => void server.close(),
        }),
      );
    });
}

/** Dials `unix:/path`, as `joinFederation` takes it: `dial: { unix: unixDial }`. */
export const unixDial: Dial = (url, { signal } = {}) =>
  new Promise((resolve, reject) => {
    const path = url.slice(SCHEME.length);
    const fail = (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `No connection to ${url}: ${why}. Is a server running there?`;
      reject(new FedloomError('transport.connect', message, { url }, { cause }));
    };
    if (signal?.aborted) return fail(signal.reason);
    const socket = createConnection({ path });
    const abort = () => socket.destroy(new Error('it was cancelled'));
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      signal?.removeEventListener('abort', abort);
      socket.removeListener('error', fail);
      resolve(new UnixConnection(socket, path));
    });
  });

class UnixConnection implements Connection {
  readonly peer: string;
  /** Nobody is judged by silence here: the kernel tells at once when the process at the other end is gone. */
  patient = false;
  readonly #socket: Socket;
  #handlers: ConnectionHandlers | undefined;
  #bufferedBytes = 0;
  #owesDrained = false;
  #closing = false;
  #closed = false;
  #reason: string | undefined;
  /** Of the frame whose header has come and whose bytes have not. */
  #next: { readonly kind: number; readonly bytes: number } | undefined;

  constructor(socket: Socket, path: string) {
    this.peer = path;
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#reason ??= `transport.lost: ${error.message}`;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#reason ??= 'transport.lost: the connection broke without a close';
      this.#handlers?.closed(this.#reason);
    });
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#closed) setImmediate(() => handlers.closed(this.#reason ?? 'closed'));
    // What came before waits in the socket: nothing is read until somebody listens.
    else if (!this.#closing) this.#socket.on('readable', () => this.#read());
  }

  send(frame: Uint8Array): boolean {
    if (this.#closing || this.#closed) return true;
    this.#write(KIND.frame, frame);
    if (this.#bufferedBytes < BUFFERED_BYTES_MAX) return true;
    this.#owesDrained = true;
    return false;
  }

  close(reason = 'closed'): void {
    if (this.#closing || this.#closed) return;
    this.#write(KIND.close, new TextEncoder().encode(reason));
    this.#end(reason);
  }

  #write(kind: number, bytes: Uint8Array): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt8(kind);
    header.writeUInt32LE(bytes.length, 1);
    this.#bufferedBytes += bytes.length;
    this.#socket.write(header);
    this.#socket.write(bytes, () => this.#left(bytes.length));
  }

  #left(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (!this.#owesDrained || this.#bufferedBytes >= BUFFERED_BYTES_MAX / 2) return;
    this.#owesDrained = false;
    if (!this.#closing && !this.#closed) this.#handlers?.drained();
  }

  /** What was written still leaves; what comes from now on is read and dropped, so that the other end can finish. */
  #end(reason: string): void {
    this.#closing = true;
    this.#reason ??= reason;
    this.#socket.removeAllListeners('readable');
    this.#socket.resume();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS).unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #read(): void {
    while (!this.#closing) {
      this.#next ??= this.#readHeader();
      if (this.#next === undefined) return;
      const { kind, bytes } = this.#next;
      if (bytes > FRAME_BYTES_MAX) return this.close('transport.frame-size: a frame is larger than this end reads');
      const read: Buffer | null = bytes === 0 ? Buffer.alloc(0) : this.#socket.read(bytes);
      // At the end of the stream `read` gives what is left, which is no whole frame.
      if (read === null || read.length < bytes) return;
      this.#next = undefined;
      // A plain array of its own memory: the receiver may keep and change it.
      if (kind === KIND.frame) this.#handlers?.frame(new Uint8Array(read));
      else this.#end(read.toString());
    }
  }

  #readHeader(): { readonly kind: number; readonly bytes: number } | undefined {
    const header: Buffer | null = this.#socket.read(HEADER_BYTES);
    return header === null || header.length < HEADER_BYTES
      ? undefined
      : { kind: header.readUInt8(), bytes: header.readUInt32LE(1) };
  }
}
