/** A thread gets as many jobs at once as it takes about this long to do: each message to it and from it costs up to 0.5 ms. */
export const BATCH_MS = 10;
export const BATCH_MAX = 64;
/** Weight of the newest in a running mean. */
const SMOOTHING = 0.5;

/** How long jobs of one kind take, and so how many of them make a batch. */
export class JobTimes {
  #msPerSample: number;
  /** Running mean of what the newest jobs were expected to take. */
  #typicalMs: number | undefined;

  /** @param msPerSample what a job may take for each of its samples, until some were measured */
  constructor(msPerSample: number) {
    this.#msPerSample = msPerSample;
  }

  expectedMs(samples: number): number {
    return this.#msPerSample * samples;
  }

  /** A job of so many samples has come. */
  came(samples: number): void {
    this.#typicalMs = smoothed(this.#typicalMs, this.expectedMs(samples));
  }

  get someCame(): boolean {
    return this.#typicalMs !== undefined;
  }

  /** Batches in which nothing was done, since the plan could not be loaded or nobody had samples, teach nothing. */
  took(ms: number, samples: number): void {
    if (samples > 0 && ms > 0) this.#msPerSample = smoothed(this.#msPerSample, ms / samples);
  }

  /** How many jobs of the usual size make a batch. */
  get batchSize(): number {
    return Math.max(1, Math.min(BATCH_MAX, Math.floor(BATCH_MS / (this.#typicalMs ?? BATCH_MS))));
  }
}

function smoothed(mean: number | undefined, value: number): number {
  return mean === undefined ? value : mean + SMOOTHING * (value - mean);
}
