import type { ClientIndex } from '../core/brands.js';

/** Keeps the clients' private state between rounds. */
export interface StateStore {
  /** Names the run whose state it is, before anything else is asked. Absent: the store is of one run. */
  open?(run: string): void;
  /** Sees every `put` that was called before. */
  get(client: ClientIndex): Promise<Uint8Array | undefined>;
  /** Takes ownership of `state`. */
  put(client: ClientIndex, state: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /**
   * What the client's state will be if this task counts: it must survive whatever its update survives. `commit`, `put` or
   * `drop` says what became of it. Absent: the state is kept in memory until then.
   */
  propose?(client: ClientIndex, task: number, state: Uint8Array): Promise<void> | undefined;
  /**
   * The task counted: what was proposed for it is the client's state, also if an earlier process proposed it. May be told more
   * than once. Absent: `put` is called with the state.
   */
  commit?(client: ClientIndex, task: number): Promise<void>;
  /** The task did not count. */
  drop?(client: ClientIndex, task: number): Promise<void> | undefined;
}
