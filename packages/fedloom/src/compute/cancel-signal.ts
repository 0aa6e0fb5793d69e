/** What work asks whether it was cancelled. */
export type CancelSignal = AbortSignal | JobSignal;

/**
 * As much of an AbortSignal as our own code asks for, for jobs by the thousand: an AbortController with a listener takes 30 us,
 * which a round of small clients notices. An AbortSignal is made of it for who needs one.
 */
export class JobSignal {
  readonly #listeners = new Set<() => void>();
  #controller: AbortController | undefined;
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#controller?.abort();
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  toAbortSignal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }
}

export function toAbortSignal(signal: CancelSignal): AbortSignal {
  return signal instanceof JobSignal ? signal.toAbortSignal() : signal;
}
