import type { UpdateTag } from '../schedule/types.js';
import type { Input } from './incoming.js';
import type { Turns } from './turns.js';

export interface RecordedTurnsOptions {
  readonly isDue: (tag: UpdateTag) => boolean;
  readonly dispatch: (input: Input) => void;
}

interface Waiting {
  readonly tag: UpdateTag;
  readonly input: () => Input;
  readonly taken: () => void;
}

/** Hands the results of a replay to the coordinator when the recorded run took them in. */
export class RecordedTurns implements Turns {
  readonly now = null;
  readonly time = null;
  readonly #waiting = new Set<Waiting>();

  constructor(private readonly options: RecordedTurnsOptions) {}

  asked(): void {}

  cancelled(): void {}

  arrived(input: () => Input, tag: UpdateTag): Promise<void> {
    return new Promise((taken) => this.#waiting.add({ input, tag, taken }));
  }

  goOn(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#waiting.delete(next);
      this.options.dispatch(next.input());
      next.taken();
    }
  }

  #next(): Waiting | undefined {
    for (const waiting of this.#waiting) if (this.options.isDue(waiting.tag)) return waiting;
    return undefined;
  }
}
