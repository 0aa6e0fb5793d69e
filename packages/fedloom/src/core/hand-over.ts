/**
 * Gives a value once, and holds it no longer: a model that nobody needs any more must not stay in memory because the options
 * that it came with do.
 */
export function handOver<T>(value: T): () => T {
  let held: { readonly value: T } | undefined = { value };
  return () => {
    if (held === undefined) throw new Error('what is handed over once was asked for again');
    const { value } = held;
    held = undefined;
    return value;
  };
}
