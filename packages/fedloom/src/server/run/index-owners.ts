import { FedloomError } from '@fedloom/engine';
import { formatRanges, type IndexRange } from '../../core/index-ranges.js';
import type { Identity } from '../../protocol/handshake.js';

/** Clients that belong to somebody. */
export interface OwnedRange extends IndexRange {
  /** Who has proved to be this when it joined. */
  readonly owner: string;
}

/** Where it is written down whose clients are whose, so that it holds over restarts of the server. */
export interface OwnerBook {
  load(): readonly OwnedRange[];
  /** Returns when it is safe. */
  add(owned: readonly OwnedRange[]): void;
}

/** Whose index is whose: it belongs to who took it first. */
export class IndexOwners {
  /** Ascending, and none overlaps another. */
  #owned: readonly OwnedRange[];

  /** @param book default: what is known ends with the process */
  constructor(private readonly book?: OwnerBook) {
    this.#owned = ascending(book?.load() ?? []);
  }

  /**
   * Gives the clients to whoever asks for them, if none is another's.
   * @throws FedloomError `join.owned`; then nothing was given
   */
  claim(owner: string, ranges: readonly IndexRange[]): void {
    let owned = this.#owned;
    const taken: OwnedRange[] = [];
    for (const range of ranges) {
      const free = freeOf(owned, range, owner).map((gap) => ({ ...gap, owner }));
      if (free.length === 0) continue;
      taken.push(...free);
      owned = ascending([...owned, ...free]);
    }
    if (taken.length === 0) return;
    this.book?.add(taken);
    this.#owned = owned;
  }
}

/**
 * Whether somebody may be all of these clients.
 * @throws FedloomError `join.not-meant` with the first that it may not be
 */
export function checkMeant({ name, clients }: Identity, ranges: readonly IndexRange[]): void {
  if (clients === undefined) return;
  const meant = ascending(clients.map(({ from, count }) => ({ from, count, owner: name })));
  for (const range of ranges) {
    const [other] = freeOf(meant, range, name);
    if (other === undefined) continue;
    const message = `Client ${other.from} of this run is not for ${name}, who may be ${formatRanges(clients)}. Join with these.`;
    throw new FedloomError('join.not-meant', message, { client: other.from, name });
  }
}

/** What of a range belongs to nobody. @throws FedloomError `join.owned` where some of it is another's */
function freeOf(owned: readonly OwnedRange[], { from, count }: IndexRange, owner: string): IndexRange[] {
  const free: IndexRange[] = [];
  const end = from + count;
  let at = from;
  for (const other of owned.slice(firstBehind(owned, from))) {
    if (other.from >= end) break;
    if (other.owner !== owner) throw ownedBy(Math.max(from, other.from), other.owner);
    if (other.from > at) free.push({ from: at, count: other.from - at });
    at = other.from + other.count;
  }
  if (at < end) free.push({ from: at, count: end - at });
  return free;
}

/** The first that ends behind an index, by bisection. */
function firstBehind(owned: readonly OwnedRange[], index: number): number {
  let low = 0;
  let high = owned.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = owned[middle];
    if (range !== undefined && range.from + range.count <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}

function ascending(owned: readonly OwnedRange[]): readonly OwnedRange[] {
  return [...owned].sort((one, two) => one.from - two.from);
}

function ownedBy(client: number, owner: string): FedloomError {
  const message = `Client ${client} of this run belongs to ${owner}, who joined as it first. Join with an index of your own.`;
  return new FedloomError('join.owned', message, { client, owner });
}
