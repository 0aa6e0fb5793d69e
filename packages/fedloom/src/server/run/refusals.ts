import type { Clock } from '../../core/clock.js';

/** Told at once, of one address; after that one a second. */
const BURST = 64;
const PAUSE_MS = 1000;
/** Addresses of which an account is kept; beyond, the one that was heard of longest ago is forgotten. */
const ACCOUNTS_MAX = 4096;

interface Account {
  left: number;
  sinceMs: number;
  untold: number;
  /** Whose were not told last. */
  peer: string;
  cancel: () => void;
}

export interface RefusalsOptions {
  readonly clock: Clock;
  /** Refusals were not told one by one. @param peer whose they were, for people */
  readonly tellUntold: (count: number, peer: string) => void;
}

/** What was refused, as far as people want to read it: who sends nonsense without end must not fill logs and disks. */
export class Refusals {
  readonly #accounts = new Map<string, Account>();

  constructor(private readonly options: RefusalsOptions) {}

  /**
   * @param peer `ADDRESS:PORT`: all of one address count together, so that dialling again helps nobody
   * @param tell called now, or never
   */
  add(peer: string, tell: () => void): void {
    const account = this.#accountOf(peer);
    const { clock } = this.options;
    const earned = Math.floor((clock.now() - account.sinceMs) / PAUSE_MS);
    account.left = Math.min(BURST, account.left + earned);
    account.sinceMs += earned * PAUSE_MS;
    if (account.left > 0) {
      account.left -= 1;
      this.#tellUntold(account);
      return tell();
    }
    account.peer = peer;
    account.untold += 1;
    if (account.untold === 1) account.cancel = clock.setTimer(PAUSE_MS, () => this.#tellUntold(account));
  }

  /** The run is over: what is to be told is told now. */
  close(): void {
    for (const account of this.#accounts.values()) this.#tellUntold(account);
    this.#accounts.clear();
  }

  #tellUntold(account: Account): void {
    const { untold, peer } = account;
    account.cancel();
    account.untold = 0;
    if (untold > 0) this.options.tellUntold(untold, peer);
  }

  #accountOf(peer: string): Account {
    const address = peer.replace(/:\d+$/, '');
    const account = this.#accounts.get(address) ?? {
      ...{ left: BURST, sinceMs: this.options.clock.now(), untold: 0, peer },
      cancel: () => {},
    };
    // It is the last one now.
    this.#accounts.delete(address);
    this.#accounts.set(address, account);
    const [oldest] = this.#accounts;
    if (this.#accounts.size > ACCOUNTS_MAX && oldest !== undefined) {
      this.#tellUntold(oldest[1]);
      this.#accounts.delete(oldest[0]);
    }
    return account;
  }
}
