/** Keeps the clients' private state between rounds. */
export interface StateStore {
  /** Sees every `put` that was called before. */
  get(client: number): Promise<Uint8Array | undefined>;
  /** Takes ownership of `state`. */
  put(client: number, state: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
