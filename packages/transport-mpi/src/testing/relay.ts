import { type Connection, type ConnectionHandlers, type Dial, FedloomError, type MpiWorld } from 'fedloom';

/*
 * A rank's connections to itself by way of rank 1, which passes frames on. So a suite that holds both ends of each connection
 * in one process is asked of connections between two. A first frame of no bytes tells the dialler that the listener is there.
 */

/** What rank 1 does: each connection that it gets goes on to rank 0, until the first, which goes nowhere, closes. */
export function relay(mpi: MpiWorld): Promise<void> {
  return new Promise((resolve) => {
    let first = true;
    void mpi.listen((connection) => {
      if (!first) return passOn(connection, mpi);
      first = false;
      connection.bind({ frame: () => {}, drained: () => {}, closed: () => resolve() });
    });
  });
}

function passOn(from: Connection, mpi: MpiWorld): void {
  const early: Uint8Array[] = [];
  let to: Connection | undefined;
  let closed: string | undefined;
  from.bind({
    frame: (frame) => void (to === undefined ? early.push(frame) : to.send(frame)),
    drained: () => {},
    closed: (reason) => {
      closed = reason;
      to?.close(reason);
    },
  });
  mpi.dial(mpi.urlOf(0)).then(
    (connection) => {
      to = connection;
      from.send(new Uint8Array(0));
      to.bind({
        frame: (frame) => void from.send(frame),
        drained: () => {},
        closed: (reason) => from.close(reason),
      });
      for (const frame of early) to.send(frame);
      if (closed !== undefined) to.close(closed);
    },
    () => from.close('nobody listens'),
  );
}

/** Dials rank 0 from rank 0, by way of the relay. */
export function dialThroughRelay(mpi: MpiWorld): Dial {
  return async (url, options) => {
    if (url !== mpi.urlOf(0) || options?.signal?.aborted) return mpi.dial(url, options);
    const connection = new Relayed(await mpi.dial(mpi.urlOf(1), options));
    await connection.through;
    return connection;
  };
}

class Relayed implements Connection {
  /** Settles when the relay has reached the listener, or could not. */
  readonly through: Promise<void>;
  readonly #inner: Connection;
  #handlers: ConnectionHandlers | undefined;
  #waiting: ((handlers: ConnectionHandlers) => void)[] = [];

  constructor(inner: Connection) {
    this.#inner = inner;
    this.through = new Promise((resolve, reject) => {
      let first = true;
      inner.bind({
        frame: (frame) => {
          if (!first) return this.#tell((handlers) => handlers.frame(frame));
          first = false;
          resolve();
        },
        drained: () => this.#tell((handlers) => handlers.drained()),
        closed: (reason) => {
          reject(new FedloomError('transport.connect', reason, { url: 'mpi:1', reason: 'refused' }));
          this.#tell((handlers) => handlers.closed(reason));
        },
      });
    });
  }

  get peer(): string {
    return this.#inner.peer;
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  get patient(): boolean {
    return this.#inner.patient;
  }

  set patient(patient: boolean) {
    this.#inner.patient = patient;
  }

  bind(handlers: ConnectionHandlers): void {
    setImmediate(() => {
      this.#handlers = handlers;
      for (const tell of this.#waiting.splice(0)) tell(handlers);
    });
  }

  send(frame: Uint8Array): boolean {
    return this.#inner.send(frame);
  }

  close(reason?: string): void {
    this.#waiting = [];
    this.#inner.close(reason);
  }

  #tell(what: (handlers: ConnectionHandlers) => void): void {
    if (this.#handlers === undefined) this.#waiting.push(what);
    else what(this.#handlers);
  }
}
