/** Keeps the clients' private state between rounds. */
export interface StateStore {
  /** Sees every `put` that was called before. */
  get(client: number): Promise<Uint8Array | undefined>;
  /** Takes ownership of `state`. */
  put(client: number, state: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /**
   * What the client's state will be if this task counts: it must survive whatever its update survives. `put` or `drop` says
   * what became of it. Absent: the state is kept in memory until then.
   */
  propose?(client: number, task: number, state: Uint8Array): Promise<void> | undefined;
  /** The task did not count. */
  drop?(client: number, task: number): Promise<void> | undefined;
}
