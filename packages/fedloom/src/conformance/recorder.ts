import type { Connection, ConnectionHandlers } from '../protocol/transport.js';
import { inTime } from './suite.js';

/** Bound handlers that keep what happens and let a test wait for it. */
export class Recorder implements ConnectionHandlers {
  readonly frames: Uint8Array[] = [];
  readonly reasons: string[] = [];
  drainedCount = 0;
  #wake: (() => void)[] = [];

  static bind(connection: Connection, onFrame?: (frame: Uint8Array) => void): Recorder {
    const recorder = new Recorder(onFrame);
    connection.bind(recorder);
    return recorder;
  }

  private constructor(private readonly onFrame?: (frame: Uint8Array) => void) {}

  frame(frame: Uint8Array): void {
    this.frames.push(frame);
    this.onFrame?.(frame);
    this.#notify();
  }

  drained(): void {
    this.drainedCount++;
    this.#notify();
  }

  closed(reason: string): void {
    this.reasons.push(reason);
    this.#notify();
  }

  /** Resolves once `condition` holds, which is asked after every event; rejects when it never does. */
  until(condition: (recorder: Recorder) => boolean, what = 'an event on the connection'): Promise<void> {
    return inTime(this.#until(condition), what);
  }

  received(count: number): Promise<void> {
    return this.until(({ frames }) => frames.length >= count, `${count} frames`);
  }

  ended(): Promise<void> {
    return this.until(({ reasons }) => reasons.length > 0, 'the end of the connection');
  }

  async #until(condition: (recorder: Recorder) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
