/** As much of an EventEmitter of Node's as is used of one here, without its types. `E` has each event's arguments. */
export interface Emitter<E extends { readonly [K in keyof E]: readonly unknown[] }> {
  on<K extends keyof E>(event: K, handler: (...args: E[K]) => void): this;
  /** Is told the next one alone. */
  once<K extends keyof E>(event: K, handler: (...args: E[K]) => void): this;
  off<K extends keyof E>(event: K, handler: (...args: E[K]) => void): this;
  /** @returns whether anybody listens */
  emit<K extends keyof E>(event: K, ...args: E[K]): boolean;
}
