import type { ClientIndex } from '../core/brands.js';
import type { StoredBlob } from './blob-shelf.js';
import type { CountedUpdate } from './record.js';
import type { RoundCommit, RunJournal } from './run-journal.js';

interface Proposed {
  readonly task: number;
  readonly blob: StoredBlob;
}

/**
 * The private state of a simulation's clients, kept by its journal: what training made goes to the disk beside the training
 * of others, and becomes the client's state with the round's record or not at all.
 */
export class JournalStates {
  readonly #proposed = new Map<ClientIndex, Proposed>();

  constructor(private readonly journal: RunJournal) {}

  /** The client's state as it last committed. @throws FedloomError `journal.corrupt`, `store.*` */
  get(client: ClientIndex): Promise<Uint8Array | undefined> {
    return this.journal.privateState(client);
  }

  /** What the client's state will be if this training counts. Takes the place of what it proposed before; the bytes are given away. */
  propose(client: ClientIndex, task: number, state: Uint8Array): void {
    const blob = this.journal.store('states', state);
    this.#drop(client);
    this.#proposed.set(client, { task, blob });
  }

  /**
   * What a round's commit makes current: the proposals of those who counted, which belong to the journal from now on. Clients
   * that keep no state have proposed none.
   */
  take(counted: readonly Pick<CountedUpdate, 'client' | 'task'>[]): NonNullable<RoundCommit['privateStates']> {
    return counted.flatMap(({ client, task }) => {
      const proposed = this.#proposed.get(client);
      if (proposed?.task !== task) return [];
      this.#proposed.delete(client);
      return [{ client, task, blob: proposed.blob }];
    });
  }

  /** Forgets what a client proposed for this task: its update did not count. */
  drop(client: ClientIndex, task: number): void {
    if (this.#proposed.get(client)?.task === task) this.#drop(client);
  }

  #drop(client: ClientIndex): void {
    const before = this.#proposed.get(client);
    if (before === undefined) return;
    this.#proposed.delete(client);
    this.journal.release(before.blob);
  }
}
