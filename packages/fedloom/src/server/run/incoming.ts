import { FedloomError } from '@fedloom/engine';
import type { ClientIndex, Hash, VersionNumber } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import type { IndexRange } from '../../core/index-ranges.js';
import type { Evaluations, Failed, UpdateMessage } from '../../protocol/messages.js';
import type { Session, SessionMessage } from '../lobby/session.js';
import type { CoordinatorEvent, Reason, UpdateTag } from '../schedule/types.js';
import type { Aggregation, CheckedUpdate, SoundUpdate } from './aggregation.js';
import { EvaluationBounds } from './evaluation-bounds.js';
import type { FederationEvents, FederationOptions } from './federation-options.js';
import { checkMeant, type IndexOwners } from './index-owners.js';
import type { StagedUpdates } from './staged-updates.js';
import type { ModelVersion, Versions } from './versions.js';

/** An update that came whole and passed its checks, held while the coordinator decides. */
export interface HeldUpdate {
  readonly message: UpdateMessage;
  /** What its checks took. */
  readonly checkMs: number;
  readonly update: CheckedUpdate;
  /** Which its tensors may be views of, to be freed when it was folded. */
  readonly body: Uint8Array;
  /** Of its body, where somebody wants to know. */
  readonly hash?: Promise<Hash>;
}

/** An event for the coordinator, with what the shell holds for it. */
export interface Input {
  readonly event: CoordinatorEvent;
  readonly update?: HeldUpdate;
  readonly evaluation?: Evaluation;
}

export interface IncomingOptions extends Pick<FederationOptions, 'workload' | 'clock' | 'updateHashes'> {
  /** Clients in the federation. */
  readonly clients: number;
  readonly versions: Versions;
  readonly aggregation: Aggregation;
  readonly staged: StagedUpdates;
  /** Whose clients are whose, as far as clients prove who they are. */
  readonly owners: IndexOwners;
  /** Tells that something which a session sent was refused. */
  readonly refused: (session: Session, refused: FederationEvents['refused'][0]) => void;
  /** An evaluation of a session was refused. */
  readonly unwantedEvaluation: (session: Session) => void;
  /** Why the coordinator would drop an update; null: it waits for it. */
  readonly refusal: (tag: UpdateTag) => Reason | null;
  /** Number of the version that a client was asked to train from; undefined: it was not asked. */
  readonly askedFrom: (client: ClientIndex) => VersionNumber | undefined;
  /**
   * What came of a client's training, to be made when it has its turn: how much an update counts follows from what has counted
   * before. A promise where that is not now.
   */
  readonly trained: (input: () => Input, tag: UpdateTag) => void | Promise<void>;
  /** Everything else, at once. */
  readonly dispatch: (input: Input) => void;
}

interface Received {
  readonly message: UpdateMessage;
  readonly sound: SoundUpdate;
  readonly from: ModelVersion;
  readonly tag: UpdateTag;
  readonly checkMs: number;
  readonly body: Uint8Array;
  readonly hash: Promise<Hash> | undefined;
}

/** What sessions say, as events for the coordinator. Updates are checked whole before it hears of them. */
export class Incoming {
  readonly #bounds: EvaluationBounds;

  constructor(private readonly options: IncomingOptions) {
    const { clients, workload } = options;
    this.#bounds = new EvaluationBounds({ clients, metrics: workload.metrics });
  }

  /**
   * @returns a promise as long as the body is still needed
   * @throws FedloomError what closes the session
   */
  receive(session: Session, message: SessionMessage, body: Uint8Array | undefined): void | Promise<void> {
    const { dispatch } = this.options;
    switch (message.type) {
      case 'getPlan':
        return this.#sendPlan(session, message.hash);
      case 'getFrozen':
        return this.#sendFrozen(session, message.hash);
      case 'join':
        this.#claim(session, message.clients);
        session.work((work) => work.joined());
        return dispatch({ event: { type: 'clientsJoined', session: session.id, ranges: message.clients } });
      case 'leave':
        return dispatch({ event: { type: 'clientsLeft', session: session.id, ranges: message.clients } });
      case 'update':
        return this.#update(session, message, body ?? new Uint8Array());
      case 'failed':
        return this.#failed(session, message);
      case 'evaluations':
        return this.#evaluations(session, message);
    }
  }

  /** An index beyond the federation is nobody's, and refused for that. @throws FedloomError `join.not-meant`, `join.owned` */
  #claim({ identity }: Session, ranges: readonly IndexRange[]): void {
    const { owners, clients } = this.options;
    if (identity === undefined || ranges.some(({ from, count }) => from + count > clients)) return;
    checkMeant(identity, ranges);
    owners.claim(identity.name, ranges);
  }

  /**
   * Whether the body that a message announces is wanted. Room for bodies is what honest clients wait for: it is for the updates
   * of those who were asked, from whoever hosts them.
   */
  wants(session: Session, message: SessionMessage): boolean {
    if (message.type !== 'update') return true;
    const { client, task, attempt } = message;
    const reason = this.options.refusal({ session: session.id, client, task, attempt });
    if (reason === null) return true;
    session.work((work) => work.trained([client]));
    session.channel.offend();
    this.#tellRefused(session, message, reason);
    return false;
  }

  #sendPlan(session: Session, hash: Hash): void {
    const { descriptor, planBytes } = this.options.workload;
    if (descriptor.kind !== 'plan' || planBytes === undefined || descriptor.hash !== hash) {
      throw new FedloomError('protocol.unknown-plan', `This run has no plan ${hash}.`, { hash });
    }
    session.sendOnce('plan', hash, planBytes);
  }

  #sendFrozen(session: Session, hash: Hash): void {
    const { frozen } = this.options.versions;
    if (frozen?.hash !== hash) {
      throw new FedloomError('protocol.unknown-plan', `This run has no frozen parameters ${hash}.`, { hash });
    }
    session.sendOnce('frozen', hash, frozen.bytes);
  }

  #update(session: Session, message: UpdateMessage, body: Uint8Array): void | Promise<void> {
    const { clock, trained, aggregation, updateHashes } = this.options;
    session.work((work) => work.trained([message.client]));
    const tag: UpdateTag = {
      session: session.id,
      client: message.client,
      task: message.task,
      attempt: message.attempt,
    };
    const startedMs = clock.now();
    const refusal = (error: unknown): Input => {
      if (!(error instanceof FedloomError)) throw error;
      const { code, message } = error;
      this.#tellRefused(session, tag, { code, message });
      return { event: { type: 'updateInvalid', ...tag, code, message } };
    };
    const refused = (error: unknown) => trained(() => refusal(error), tag);
    try {
      const from = this.#baseOf(message, tag);
      // Before a check that may overwrite it.
      const hash = updateHashes?.of(body);
      const received = (sound: SoundUpdate) => {
        const checkMs = clock.now() - startedMs;
        return trained(() => this.#weighed({ message, sound, from, tag, checkMs, body, hash }, refusal), tag);
      };
      const checked = aggregation.check(message, body);
      return checked instanceof Promise ? this.#staged(session, tag, checked, received, refused) : received(checked);
    } catch (error) {
      return refused(error);
    }
  }

  /** Nothing is held for an update that nobody waits for, however long the stages take. */
  #staged(
    session: Session,
    tag: UpdateTag,
    checked: Promise<SoundUpdate>,
    received: (sound: SoundUpdate) => void | Promise<void>,
    refused: (error: unknown) => void | Promise<void>,
  ): void | Promise<void> {
    const { staged, refusal } = this.options;
    const reason = refusal(tag);
    if (reason === null) {
      return staged.wait(tag, checked).then((sound) => (sound === undefined ? undefined : received(sound)), refused);
    }
    checked.catch(() => {});
    this.#tellRefused(session, tag, reason);
  }

  #weighed({ message, sound, from, tag, checkMs, body, hash }: Received, refusal: (error: unknown) => Input): Input {
    const { aggregation, versions } = this.options;
    try {
      // Not by a candidate, which may turn out to be void.
      const update = aggregation.weigh(sound, from, versions.accepted);
      const held = { message, checkMs, update, body };
      return { event: { type: 'updateReceived', ...tag }, update: hash === undefined ? held : { ...held, hash } };
    } catch (error) {
      return refusal(error);
    }
  }

  /**
   * @throws FedloomError `update.base`: it starts from a model that this run does not have, or has no more, or from another than
   *   the client was asked to start from
   */
  #baseOf({ client, base }: UpdateMessage, tag: UpdateTag): ModelVersion {
    const { versions, askedFrom, refusal } = this.options;
    const { number, hash } = versions.accepted.version;
    const from = versions.find(base);
    // Clients may have a candidate to evaluate; nobody is asked to train from it.
    if (from !== undefined && from.version.number <= number) {
      const asked = askedFrom(client);
      if (asked === undefined || asked === base.number || refusal(tag) !== null) return from;
      const text = `The update of client ${client} starts from version ${base.number}; it was asked to train from version ${asked}.`;
      throw new FedloomError('update.base', text, { client, base, newest: number });
    }
    const text =
      `The update of client ${client} starts from version ${base.number} of "${base.model}" (${base.hash}), which the server ` +
      `does not have, or has no more; it is at version ${number} (${hash}).`;
    throw new FedloomError('update.base', text, { client, base, newest: number });
  }

  #failed(session: Session, { client, task, attempt, phase, code, message }: Failed): void | Promise<void> {
    const reason = { code, message };
    const at = { session: session.id, client };
    session.channel.offend();
    this.#tellRefused(session, { client, task }, reason);
    if (phase === 'evaluate') {
      session.work((work) => work.evaluated(task, 1));
      return this.options.dispatch({ event: { type: 'evaluationFailed', ...at, round: task, ...reason } });
    }
    session.work((work) => work.trained([client]));
    const tag = { ...at, task, attempt };
    return this.options.trained(() => ({ event: { type: 'clientFailed', ...tag, ...reason } }), tag);
  }

  #evaluations(session: Session, { round, entries }: Evaluations): void {
    const { dispatch, unwantedEvaluation } = this.options;
    session.work((work) => work.evaluated(round, entries.length));
    for (const { client, ...evaluation } of entries) {
      const at = { session: session.id, round, client };
      const reason = this.#bounds.problem(client, evaluation);
      if (reason === undefined) {
        dispatch({ event: { type: 'evaluationReceived', ...at }, evaluation });
        continue;
      }
      unwantedEvaluation(session);
      this.#tellRefused(session, { client, task: round }, reason);
      dispatch({ event: { type: 'evaluationFailed', ...at, ...reason } });
    }
  }

  #tellRefused(session: Session, { client, task }: Pick<UpdateTag, 'client' | 'task'>, reason: Reason): void {
    this.options.refused(session, { client, round: task, ...reason });
  }
}
