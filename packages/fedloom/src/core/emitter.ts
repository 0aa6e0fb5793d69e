/** Arguments of each event by its name. */
type EventMap<E> = { readonly [K in keyof E]: readonly unknown[] };

type Handler<E extends EventMap<E>, K extends keyof E> = (...args: E[K]) => void;

/** As much of an EventEmitter of Node's as is used of one here, without its types. */
export interface Emitter<E extends EventMap<E>> {
  on<K extends keyof E>(event: K, handler: Handler<E, K>): this;
  /** Is told the next one alone. */
  once<K extends keyof E>(event: K, handler: Handler<E, K>): this;
  off<K extends keyof E>(event: K, handler: Handler<E, K>): this;
  /** @returns whether anybody listens */
  emit<K extends keyof E>(event: K, ...args: E[K]): boolean;
}
