/** Entries of a list in one message: a range takes at most 40 of its 1,048,576 bytes. */
const LIST_MAX = 20_000;

/** Lists cut so that each fits one message, whatever the numbers in it. */
export function* pieces<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += LIST_MAX) yield list.slice(at, at + LIST_MAX);
}
