export interface BackoffOptions {
  readonly firstMs: number;
  readonly lastMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Pauses between attempts: the step doubles from the first to the last, and each pause is drawn from its upper half, so that
 * clients that lost their server together do not dial it together ("equal jitter" of Brooker 2015, Exponential Backoff And
 * Jitter).
 */
export class Backoff {
  #stepMs: number;

  constructor(private readonly options: BackoffOptions) {
    this.#stepMs = options.firstMs;
  }

  nextMs(): number {
    const stepMs = this.#stepMs;
    this.#stepMs = Math.min(this.options.lastMs, stepMs * 2);
    return (stepMs * (1 + this.options.random())) / 2;
  }

  /** It went well: the next pause is a first one again. */
  reset(): void {
    this.#stepMs = this.options.firstMs;
  }
}
