import type { Connection, ConnectionHandlers } from '../../../packages/fedloom/dist/protocol/transport.js';

/** A connection whose frames somebody sees, or changes, before they leave. */
export class Intercepted implements Connection {
  /**
   * @param sending what is sent in the place of a frame
   * @param coming sees what comes, which it must not keep
   */
  constructor(
    private readonly inner: Connection,
    private readonly sending: (frame: Uint8Array) => readonly Uint8Array[],
    private readonly coming: (frame: Uint8Array) => void = () => {},
  ) {}

  get peer(): string {
    return this.inner.peer;
  }

  get bufferedBytes(): number {
    return this.inner.bufferedBytes;
  }

  get patient(): boolean {
    return this.inner.patient;
  }

  set patient(patient: boolean) {
    this.inner.patient = patient;
  }

  bind(handlers: ConnectionHandlers): void {
    this.inner.bind({
      ...handlers,
      frame: (frame) => {
        this.coming(frame);
        handlers.frame(frame);
      },
    });
  }

  send(frame: Uint8Array): boolean {
    let goesOn = true;
    for (const one of this.sending(frame)) goesOn = this.inner.send(one) && goesOn;
    return goesOn;
  }

  close(reason?: string): void {
    this.inner.close(reason);
  }
}
