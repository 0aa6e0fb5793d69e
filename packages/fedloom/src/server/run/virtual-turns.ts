import type { ClientIndex } from '../../core/brands.js';
import type { UpdateTag } from '../schedule/types.js';
import { VirtualClock, type VirtualTime, virtualDuration } from '../schedule/virtual-clock.js';
import type { Input } from './incoming.js';
import type { Turns } from './turns.js';

export interface VirtualTurnsOptions {
  readonly seed: number;
  /** Units of work a client does in a unit of time. */
  readonly speed: (client: ClientIndex) => number;
  /** Nobody is to be asked before the next result is taken. */
  readonly isQuiet: () => boolean;
  readonly dispatch: (input: Input) => void;
  /** Where the clock stands, when a run goes on. */
  readonly time?: VirtualTime;
}

interface Waiting {
  readonly input: () => Input;
  readonly taken: () => void;
}

/** Hands the results of a simulated run to the coordinator in the order of virtual time, whoever computed first. */
export class VirtualTurns implements Turns {
  readonly #clock: VirtualClock<Waiting>;

  constructor(private readonly options: VirtualTurnsOptions) {
    this.#clock = new VirtualClock(options.time);
  }

  get now(): number {
    return this.#clock.now;
  }

  get time(): VirtualTime {
    return this.#clock.time;
  }

  asked(clients: readonly ClientIndex[], task: number): void {
    const { seed, speed } = this.options;
    for (const client of clients) this.#clock.ask(client, task, virtualDuration(seed, client, task, speed(client)));
  }

  cancelled(clients: readonly ClientIndex[], task: number): void {
    for (const client of clients) this.#clock.cancel(client, task);
  }

  arrived(input: () => Input, { client, task }: UpdateTag): Promise<void> {
    return new Promise((taken) => {
      // Of somebody who is not waited for: the coordinator says why it is dropped.
      if (this.#clock.arrive(client, task, { input, taken })) return;
      this.options.dispatch(input());
      taken();
    });
  }

  goOn(): void {
    while (this.options.isQuiet()) {
      const delivery = this.#clock.next();
      if (delivery === undefined) return;
      const { input, taken } = delivery.result;
      this.options.dispatch(input());
      taken();
    }
  }
}
