import type { GraphBackend, GraphSession } from '@fedloom/engine/run';

/** How long calls may follow one another before whatever else the thread has to do gets its turn. */
const TURN_MS = 10;

/**
 * When sessions of one thread may run. A call blocks the thread, and the promise of its end does not let messages through: so now and
 * then the next waits for a turn of the event loop. A pause is a wait before the next call.
 */
export class Turns {
  #paused = false;
  #gaveWayMs = 0;
  #waiting: (() => void)[] = [];
  readonly #channel = new MessageChannel();
  #turned: (() => void) | undefined;

  constructor() {
    const port = this.#channel.port1 as unknown as { onmessage: () => void };
    port.onmessage = () => this.#turned?.();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.hurry();
  }

  /** Lets calls that wait go on once: for jobs that are to end, which they find out between two calls. */
  hurry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const goOn of waiting) goOn();
  }

  /** No session runs any more. */
  close(): void {
    this.resume();
    this.#channel.port1.close();
  }

  /** Gives the sessions of `backend` their turns. Calls of all of them must follow one another. */
  between(backend: GraphBackend): GraphBackend {
    return { ...backend, load: async (onnx) => this.#betweenCalls(await backend.load(onnx)) };
  }

  #betweenCalls(session: GraphSession): GraphSession {
    return {
      run: async (feeds) => {
        await this.#next();
        return session.run(feeds);
      },
      release: () => session.release(),
    };
  }

  async #next(): Promise<void> {
    if (performance.now() - this.#gaveWayMs >= TURN_MS) {
      // Not by a timer, which browsers make wait for 4 ms, and longer in the background.
      await new Promise<void>((resolve) => {
        this.#turned = resolve;
        this.#channel.port2.postMessage(undefined);
      });
      this.#gaveWayMs = performance.now();
    }
    if (this.#paused) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
