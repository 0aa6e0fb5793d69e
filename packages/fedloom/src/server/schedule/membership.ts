import { type ClientIndex, knownClient } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';
import { appendIndex } from './ranges.js';

/** Which session holds which index. Sessions are linked lists over the clients, so that leaving costs what it frees. */
export interface Membership {
  /** Slot in `sessions` for each client; -1: absent. */
  readonly holder: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  readonly sessions: (SessionEntry | null)[];
  readonly slots: Map<string, number>;
  readonly freeSlots: number[];
  present: number;
}

export interface SessionEntry {
  readonly name: string;
  /** First client of its list; -1: none. */
  head: number;
}

const NOBODY = -1;

export function createMembership(clients: number): Membership {
  return {
    holder: new Int32Array(clients).fill(NOBODY),
    next: new Int32Array(clients).fill(NOBODY),
    previous: new Int32Array(clients).fill(NOBODY),
    sessions: [],
    slots: new Map(),
    freeSlots: [],
    present: 0,
  };
}

/** The session that holds the client, or undefined: the client is absent (or does not exist). */
export function sessionOf(membership: Membership, client: ClientIndex): string | undefined {
  const slot = membership.holder[client];
  return slot === undefined || slot === NOBODY ? undefined : membership.sessions[slot]?.name;
}

/** Gives an absent client to a session. */
export function addClient(membership: Membership, session: string, client: ClientIndex): void {
  const slot = membership.slots.get(session) ?? openSlot(membership, session);
  const entry = membership.sessions[slot] as SessionEntry;
  membership.holder[client] = slot;
  membership.previous[client] = NOBODY;
  membership.next[client] = entry.head;
  if (entry.head !== NOBODY) membership.previous[entry.head] = client;
  entry.head = client;
  membership.present += 1;
}

function openSlot(membership: Membership, session: string): number {
  const slot = membership.freeSlots.pop() ?? membership.sessions.length;
  membership.sessions[slot] = { name: session, head: NOBODY };
  membership.slots.set(session, slot);
  return slot;
}

/** Makes a present client absent. A session without clients is forgotten. */
export function removeClient(membership: Membership, client: ClientIndex): void {
  const { holder, next, previous, sessions } = membership;
  const slot = holder[client]!;
  const entry = sessions[slot] as SessionEntry;
  const before = previous[client]!;
  const after = next[client]!;
  if (before === NOBODY) entry.head = after;
  else next[before] = after;
  if (after !== NOBODY) previous[after] = before;
  holder[client] = NOBODY;
  membership.present -= 1;
  if (entry.head !== NOBODY) return;
  membership.slots.delete(entry.name);
  sessions[slot] = null;
  membership.freeSlots.push(slot);
}

/** Any one client of the session; undefined when it has none. */
export function anyClientOf(membership: Membership, session: string): ClientIndex | undefined {
  const slot = membership.slots.get(session);
  const entry = slot === undefined ? undefined : membership.sessions[slot];
  return entry ? knownClient(entry.head) : undefined;
}

/** Those that the session holds, the last that came first. */
export function* clientsOf({ slots, sessions, next }: Membership, session: string): Iterable<ClientIndex> {
  const slot = slots.get(session);
  let client = slot === undefined ? NOBODY : (sessions[slot]?.head ?? NOBODY);
  while (client !== NOBODY) {
    yield knownClient(client);
    client = next[client] ?? NOBODY;
  }
}

/** All present clients, ascending within each session. */
export function presentRanges(membership: Membership): ReadonlyMap<string, readonly IndexRange[]> {
  const bySlot: (IndexRange[] | undefined)[] = new Array(membership.sessions.length);
  const result = new Map<string, IndexRange[]>();
  const { holder, sessions } = membership;
  for (let client = 0; client < holder.length; client++) {
    const slot = holder[client]!;
    if (slot === NOBODY) continue;
    let ranges = bySlot[slot];
    if (ranges === undefined) {
      ranges = bySlot[slot] = [];
      result.set((sessions[slot] as SessionEntry).name, ranges);
    }
    appendIndex(ranges, client);
  }
  return result;
}
