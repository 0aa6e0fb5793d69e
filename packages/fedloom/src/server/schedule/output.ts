import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import { type Membership, sessionOf } from './membership.js';
import type { Warning } from './reason-codes.js';
import type { CoordinatorEffect, Reason } from './types.js';

/** What became of a client's update. */
export interface Settlement {
  readonly task: number;
  readonly attempt: number;
  readonly counted: boolean;
  /** Why not. */
  readonly code?: string;
  /** The same for people. */
  readonly reason?: string;
}

/** The part of a settlement that says that an update does not count, and why. */
export function notCounted({ code, message }: Reason) {
  return { counted: false, code, reason: message } as const;
}

/** What is kept of what was put out. */
interface Outstanding {
  readonly timers: Set<string>;
  readonly membership: Membership;
  /** Decisions that absent clients have not been told yet. */
  readonly owed: Map<ClientIndex, Settlement[]>;
}

/** A training that a client is asked for. */
export interface Ask {
  readonly client: ClientIndex;
  readonly base: VersionNumber;
  readonly task: number;
  readonly attempt: number;
}

/** Collects the effects of one step. Clients of one session with the same news share one effect. */
export class Output {
  readonly effects: CoordinatorEffect[] = [];
  /** Made when first needed: most steps have no groups. */
  #groups: Map<string, number[]> | undefined;

  push(effect: CoordinatorEffect): void {
    this.effects.push(effect);
  }

  warn(code: Warning, message: string): void {
    this.effects.push({ type: 'warn', code, message });
  }

  setTimer(state: Outstanding, timer: string, delayMs: number): void {
    state.timers.add(timer);
    this.effects.push({ type: 'setTimer', timer, delayMs });
  }

  /** Nothing, if it is not running. */
  clearTimer(state: Outstanding, timer: string | null): void {
    if (timer !== null && state.timers.delete(timer)) this.effects.push({ type: 'clearTimer', timer });
  }

  configure(session: string, { client, base, task, attempt }: Ask): void {
    this.#group(`c ${base} ${task} ${attempt} ${session}`, client, (clients) => ({
      type: 'configure',
      session,
      base,
      task,
      attempt,
      clients,
    }));
  }

  /** Tells a client what became of its update, now or when it joins again. */
  settle(state: Outstanding, client: ClientIndex, settlement: Settlement): void {
    const session = sessionOf(state.membership, client);
    if (session === undefined) {
      const owed = state.owed.get(client);
      if (owed === undefined) state.owed.set(client, [settlement]);
      else owed.push(settlement);
      return;
    }
    const { task, attempt, counted, code, reason } = settlement;
    this.#group(`s ${task} ${attempt} ${counted} ${session}\n${code} ${reason}`, client, (clients) => ({
      type: 'settle',
      session,
      ...settlement,
      clients,
    }));
  }

  #group(key: string, client: ClientIndex, effect: (clients: ClientIndex[]) => CoordinatorEffect): void {
    this.#groups ??= new Map();
    const known = this.#groups.get(key);
    if (known !== undefined) {
      known.push(client);
      return;
    }
    const clients = [client];
    this.#groups.set(key, clients);
    this.effects.push(effect(clients));
  }
}
