import type { Clock } from '../../core/clock.js';
import type { FederationEvents } from './federation-options.js';

/** Told at once, of one connection; after that one a second. */
const BURST = 64;
const PAUSE_MS = 1000;

type Refused = FederationEvents['refused'][0];

interface Account {
  readonly peer: string;
  left: number;
  sinceMs: number;
  untold: number;
}

export interface RefusalsOptions {
  readonly clock: Clock;
  readonly tell: (refused: Refused) => void;
  /** Refusals of a session were not told one by one. */
  readonly tellUntold: (session: string, count: number, peer: string) => void;
}

/** What was refused, as far as people want to read it: who sends nonsense without end must not fill logs and disks. */
export class Refusals {
  readonly #accounts = new Map<string, Account>();

  constructor(private readonly options: RefusalsOptions) {}

  /** @param peer who it is that the session belongs to, for people */
  add(session: string, peer: string, refused: Refused): void {
    const account = this.#accountOf(session, peer);
    const { clock, tell, tellUntold } = this.options;
    const earned = Math.floor((clock.now() - account.sinceMs) / PAUSE_MS);
    account.left = Math.min(BURST, account.left + earned);
    account.sinceMs += earned * PAUSE_MS;
    if (account.left === 0) {
      account.untold += 1;
      return;
    }
    account.left -= 1;
    if (account.untold > 0) tellUntold(session, account.untold, account.peer);
    account.untold = 0;
    tell(refused);
  }

  /** The session is gone. */
  closed(session: string): void {
    const account = this.#accounts.get(session);
    this.#accounts.delete(session);
    if (account !== undefined && account.untold > 0) this.options.tellUntold(session, account.untold, account.peer);
  }

  #accountOf(session: string, peer: string): Account {
    const known = this.#accounts.get(session);
    if (known !== undefined) return known;
    const account = { peer, left: BURST, sinceMs: this.options.clock.now(), untold: 0 };
    this.#accounts.set(session, account);
    return account;
  }
}
