import { FedloomError } from '@fedloom/engine';
import type { IndexRange } from '../../protocol/messages.js';
import type { Session } from '../lobby/session.js';
import { describeRanges } from '../schedule/ranges.js';

/** Whom an operator does not want in a run: client indices, or all that come from a host. */
export interface Ban {
  readonly clients?: readonly IndexRange[];
  /** Of the network, without a port. */
  readonly host?: string;
}

/** Those of one run, until its server ends or they are lifted. */
export class Bans {
  readonly #bans: Ban[] = [];

  get all(): readonly Ban[] {
    return this.#bans;
  }

  add(ban: Ban): void {
    this.#bans.push(ban);
  }

  /** Lifts those that touch what is named. @returns how many */
  lift(other: Ban): number {
    const before = this.#bans.length;
    const kept = this.#bans.filter((ban) => !touches(ban, other));
    this.#bans.splice(0, before, ...kept);
    return before - kept.length;
  }

  /** Whether a session is not wanted. @param clients that it holds, or wants to hold */
  covers(session: Pick<Session, 'channel'>, clients: readonly IndexRange[]): boolean {
    return this.#bans.some((ban) => touches(ban, { clients, host: hostOf(session.channel.peer) }));
  }

  /** @throws FedloomError `session.banned` */
  check(session: Pick<Session, 'channel'>, clients: readonly IndexRange[]): void {
    if (!this.covers(session, clients)) return;
    const message = `The operator of this server does not let clients ${describeRanges(clients)} in from here. Ask who runs it.`;
    throw new FedloomError('session.banned', message, { clients });
  }
}

/** `127.0.0.1:4711`, `[::1]:4711`: without the port. Other texts as they are. */
export function hostOf(peer: string): string {
  return /^\[?(.*?)\]?:\d+$/.exec(peer)?.[1] ?? peer;
}

function touches({ clients = [], host }: Ban, other: Ban): boolean {
  if (host !== undefined && host === other.host) return true;
  return clients.some((a) => (other.clients ?? []).some((b) => a.from < b.from + b.count && b.from < a.from + a.count));
}
