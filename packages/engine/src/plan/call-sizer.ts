/** How long one call into the runtime should take: progress, cancellation and shutting down wait for a call to end. */
export const callMillisecondsTarget = 200;
/** What a call may lay out for its steps outside the loop: targets, predictions. */
const laidOutBytesMax = 64 * 2 ** 20;
/** Before anything is measured: slower than any machine we know, so that the first call is short. */
const assumedFlopsPerMillisecond = 1e6;
const growthMax = 4;

/** Chooses how many steps go into a call, from the time that calls have taken. Results do not depend on its choices. */
export class CallSizer {
  #stepsPerCall: number;
  readonly #stepsMax: number;

  constructor(stepFlops: number, stepBytes: number) {
    this.#stepsMax = stepsPerCallMax(stepBytes);
    this.#stepsPerCall = this.#clamp((callMillisecondsTarget * assumedFlopsPerMillisecond) / Math.max(1, stepFlops));
  }

  get stepsPerCall(): number {
    return this.#stepsPerCall;
  }

  record(steps: number, milliseconds: number): void {
    const fitting = (callMillisecondsTarget * steps) / Math.max(milliseconds, 1e-3);
    this.#stepsPerCall = this.#clamp(Math.min(fitting, growthMax * this.#stepsPerCall));
  }

  #clamp(steps: number): number {
    return Math.max(1, Math.min(this.#stepsMax, Math.floor(steps)));
  }
}

/** The most steps that any call has, whatever the machine: by what it lays out for each. */
export function stepsPerCallMax(stepBytes: number): number {
  return Math.max(1, Math.floor(laidOutBytesMax / Math.max(1, stepBytes)));
}
