import type { ClientIndex } from '../core/brands.js';
import type { StateStore } from './state-store.js';

interface Pending {
  readonly task: number;
  readonly state: Uint8Array;
}

/** The clients' private states: what training made is pending until the server says that its update counted. */
export class PrivateStates {
  readonly #pending = new Map<ClientIndex, Pending>();
  #settling: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: StateStore) {}

  /** As it last committed; undefined before. */
  committed(client: ClientIndex): Promise<Uint8Array | undefined> {
    return this.store.get(client);
  }

  /** Takes the place of what was pending for the client. Settles when the update that goes with it may be sent. */
  async propose(client: ClientIndex, task: number, state: Uint8Array): Promise<void> {
    this.#pending.set(client, { task, state });
    await this.store.propose?.(client, task, state);
  }

  /** Commits what is pending of this task, or drops it. Whichever attempt counted: all train the same, from the same model. */
  async settle(clients: readonly ClientIndex[], task: number, counted: boolean): Promise<void> {
    const commits: Promise<void>[] = [];
    for (const client of clients) {
      // What an earlier process of this client proposed too.
      const told = counted ? this.store.commit?.(client, task) : this.store.drop?.(client, task);
      if (told !== undefined) commits.push(told);
      const pending = this.#pending.get(client);
      if (pending?.task !== task) continue;
      this.#pending.delete(client);
      // All put before the first await: the next task's jobs, which may come right after, must see every one.
      if (counted && this.store.commit === undefined) commits.push(this.store.put(client, pending.state));
    }
    if (commits.length === 0) return;
    const done = Promise.all(commits);
    this.#settling = Promise.allSettled([this.#settling, done]);
    await done;
  }

  /** Settles when everything that was told so far is kept, or could not be. */
  async settled(): Promise<void> {
    await this.#settling;
  }
}
