import { FedloomError } from '@fedloom/engine';
import type { ClientIndex } from '../../core/brands.js';
import { expandRanges } from '../../core/index-ranges.js';
import type { IndexRange, Settled } from '../../protocol/messages.js';
import { pieces } from '../../protocol/pieces.js';
import type { Session } from '../lobby/session.js';
import type { SessionDoor } from '../lobby/session-door.js';
import type { CoordinatorEffect } from '../schedule/types.js';
import type { Versions } from './versions.js';
import { whyNot } from './why-not.js';

export type Effect<T extends CoordinatorEffect['type']> = Extract<CoordinatorEffect, { readonly type: T }>;

/** What the coordinator has to say to sessions, as messages. */
export class Outgoing {
  /** What clients were told last of an update that counted. */
  readonly #counted = new Map<ClientIndex, Settled>();

  constructor(
    private readonly door: SessionDoor,
    private readonly versions: Versions,
  ) {}

  acceptJoin({ session: id, ranges }: Effect<'acceptJoin'>): Session | undefined {
    const session = this.door.get(id);
    if (session === undefined) return undefined;
    for (const part of pieces(ranges)) session.channel.send({ type: 'joined', clients: part });
    this.#repeatSettled(session, ranges);
    return session;
  }

  refuseJoin({ session, code, message }: Effect<'refuseJoin'>): void {
    this.door.get(session)?.channel.fail(new FedloomError(code, message));
  }

  /** Who has no clients left has no business here; who has others goes on with them. */
  takeOver({ session: id, task, clients, keeps, code, message }: Effect<'takeOver'>): void {
    const session = this.door.get(id);
    session?.work((work) => work.trained(clients));
    if (!keeps) session?.channel.fail(new FedloomError(code, message));
    else
      session?.channel.send({ type: 'settled', task, attempt: 0, clients, counted: false, ...whyNot(code, message) });
  }

  /**
   * Tells clients that come back again that their last counted update counted: the first time may have been lost with the
   * connection, and their private state must follow. Hearing it twice changes nothing.
   */
  #repeatSettled(session: Session, ranges: readonly IndexRange[]): void {
    if (this.#counted.size === 0) return;
    for (const client of expandRanges(ranges)) {
      const settled = this.#counted.get(client);
      if (settled !== undefined) session.channel.send({ ...settled, clients: [client] });
    }
  }

  configure({ session: id, task, attempt, base, clients }: Effect<'configure'>): void {
    const session = this.door.get(id);
    if (session === undefined) return;
    const { version, bytes, scalars } = this.versions.at(base);
    this.#sendModel(session, version, bytes);
    session.work((work) => work.askedToTrain(clients));
    for (const part of pieces(clients)) {
      session.channel.send({ type: 'train', task, attempt, clients: part, base: version, scalars });
    }
  }

  settle({ session: id, task, attempt, clients, counted, code, reason }: Effect<'settle'>): void {
    const session = this.door.get(id);
    session?.work((work) => work.trained(clients));
    const settled: Settled = { type: 'settled', task, attempt, clients: [], counted, ...whyNot(code, reason) };
    if (counted) for (const client of clients) this.#counted.set(client, settled);
    for (const part of pieces(clients)) session?.channel.send({ ...settled, clients: part });
  }

  requestEvaluation({ session: id, round, ranges }: Effect<'requestEvaluation'>): void {
    const session = this.door.get(id);
    if (session === undefined) return;
    const { version: model, bytes } = this.versions.newest;
    this.#sendModel(session, model, bytes);
    session.work((work) => work.askedToEvaluate(round, ranges));
    for (const part of pieces(ranges)) session.channel.send({ type: 'evaluate', round, clients: part, model });
  }

  /** Who still evaluates has better things to do. */
  endEvaluation(round: number): void {
    const { version: model } = this.versions.newest;
    for (const { channel } of this.door.sessions) channel.send({ type: 'evaluate', round, clients: [], model });
  }

  /** A client keeps the models that are in use here. */
  #sendModel(session: Session, version: Parameters<Session['sendModel']>[0], bytes: Uint8Array): void {
    session.sendModel(version, bytes, ({ hash }) => this.versions.holds(hash));
  }
}
