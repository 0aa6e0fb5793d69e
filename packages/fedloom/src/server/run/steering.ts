import { FedloomError } from '@fedloom/engine';
import type { IndexRange } from '../../protocol/messages.js';
import type { Session } from '../lobby/session.js';
import { commonRanges } from '../schedule/ranges.js';
import { type Ban, Bans } from './bans.js';

/** A connection with the clients that it holds. */
export interface Holder {
  readonly session: Session;
  readonly clients: readonly IndexRange[];
}

/** What an operator has wished of a run that goes on. */
export class Steering {
  /** Whom the operator does not want. */
  readonly bans = new Bans();
  #pause: { readonly until: Promise<void>; readonly end: () => void } | undefined;
  #stop: string | undefined;

  /** @param holders those that are there now */
  constructor(private readonly holders: () => readonly Holder[]) {}

  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  /** Settles when the run is to go on; undefined: it is. */
  get until(): Promise<void> | undefined {
    return this.#pause?.until;
  }

  /** Why the run is to end when the round under way is over. */
  get stop(): string | undefined {
    return this.#stop;
  }

  /** Nothing further is decided than what is; that is written down. */
  pause(): void {
    if (this.#pause !== undefined) return;
    let end: () => void = () => {};
    const until = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#pause = { until, end };
  }

  goOn(): void {
    this.#pause?.end();
    this.#pause = undefined;
  }

  /** @param why for people */
  stopAfterRound(why: string): void {
    this.#stop = why;
    this.goOn();
  }

  /** @returns names of the sessions that were closed */
  kick(whom: { readonly clients?: readonly IndexRange[]; readonly session?: string }): readonly string[] {
    const { clients = [], session } = whom;
    return this.#close((holder) => holder.session.id === session || commonRanges(holder.clients, clients).length > 0);
  }

  /** @returns names of the sessions that were closed */
  ban(ban: Ban): readonly string[] {
    this.bans.add(ban);
    return this.#close((holder) => this.bans.covers(holder.session, holder.clients));
  }

  #close(isMeant: (holder: Holder) => boolean): readonly string[] {
    const meant = this.holders().filter(isMeant);
    for (const { session } of meant) {
      const message = 'The operator of this server has closed the connection.';
      session.channel.fail(new FedloomError('session.kicked', message, { session: session.id }));
    }
    return meant.map(({ session }) => session.id);
  }
}
