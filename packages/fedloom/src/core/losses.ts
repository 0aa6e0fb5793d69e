import type { RoundRecord } from './records.js';

/** Training that a run asked for and went on without: the model is not the one that it would have been with it. */
export interface Losses {
  /** Rounds in which a client that was asked to train did not count. */
  readonly rounds: number;
  /** Rounds among them that closed with fewer updates than were wanted; in the others somebody else took the place. */
  readonly partialRounds: number;
  /** Times that a client was asked and did not count. */
  readonly updates: number;
  /** Different clients that this befell. */
  readonly clients: number;
}

/** Adds up what a run lost, round by round. */
export class LossTally {
  readonly #clients = new Set<number>();
  #rounds = 0;
  #partialRounds = 0;
  #updates = 0;

  constructor(private readonly clientsPerRound: number) {}

  add({ cohort, counted }: Pick<RoundRecord, 'cohort' | 'counted'>): void {
    const there = new Set(counted);
    const lost = cohort.filter((client) => !there.has(client));
    for (const client of lost) this.#clients.add(client);
    this.#updates += lost.length;
    if (lost.length > 0) this.#rounds += 1;
    if (counted.length < this.clientsPerRound) this.#partialRounds += 1;
  }

  get losses(): Losses {
    const { size } = this.#clients;
    return { rounds: this.#rounds, partialRounds: this.#partialRounds, updates: this.#updates, clients: size };
  }
}
