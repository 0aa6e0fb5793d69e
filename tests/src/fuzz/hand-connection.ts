import type { Connection, ConnectionHandlers } from '../../../packages/fedloom/dist/protocol/transport.js';

/** A connection whose other end is written by hand. */
export class HandConnection implements Connection {
  patient = false;
  readonly peer = 'fuzzer';
  readonly bufferedBytes = 0;
  readonly closes: (string | undefined)[] = [];
  handlers: ConnectionHandlers = { frame: () => {}, drained: () => {}, closed: () => {} };

  constructor(private readonly onSent: (frame: Uint8Array) => void = () => {}) {}

  bind(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
  }

  send(frame: Uint8Array): boolean {
    this.onSent(frame);
    return true;
  }

  close(reason?: string): void {
    this.closes.push(reason);
  }
}
