import { formatRanges, type IndexRange } from '../core/index-ranges.js';

/** Ranks of clients, as in an MPI job whose rank 0 serves: `3`, `1,5,9`. */
function ranksOf(clients: readonly IndexRange[]): string {
  return formatRanges(clients.map(({ from, count }) => ({ from: from + 1, count })));
}

/** Of a process with one client its rank, of others those of all. */
export function rankOf(clients: readonly IndexRange[]): { readonly rank: number } | { readonly ranks: string } {
  const [only, ...others] = clients;
  return only?.count === 1 && others.length === 0 ? { rank: only.from + 1 } : { ranks: ranksOf(clients) };
}

/** What tools such as `ps` and `top` show of a client's process: `fedloom client 3 of 10`. */
export function clientTitle(clients: readonly IndexRange[], total?: number): string {
  return `fedloom client ${ranksOf(clients)}${total === undefined ? '' : ` of ${total}`}`;
}
