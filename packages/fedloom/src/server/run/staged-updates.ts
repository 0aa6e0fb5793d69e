import type { ClientIndex } from '../../core/brands.js';
import type { Uncounted } from '../schedule/reason-codes.js';
import type { Reason, UpdateTag } from '../schedule/types.js';

/** An update that nobody waits for any more. */
export interface LateUpdate extends Reason<Uncounted> {
  readonly client: ClientIndex;
  readonly task: number;
}

interface Pending extends Pick<UpdateTag, 'client' | 'task' | 'session'> {
  readonly giveUp: () => void;
}

/**
 * Updates that asynchronous stages work on. Each holds its memory only as long as somebody waits for it: at most one a client,
 * until its task is settled, its session is gone, or the run is over. What a stage gives later is dropped.
 */
export class StagedUpdates {
  readonly #pending = new Map<ClientIndex, Pending>();

  /** @param stages names of those with a server half, for messages */
  constructor(private readonly stages: readonly string[]) {}

  /**
   * What comes of the stages; undefined when it was given up before. A later update of the same client takes the place of an
   * earlier one.
   */
  wait<T>(tag: UpdateTag, work: Promise<T>): Promise<T | undefined> {
    const { client, task, session } = tag;
    this.#pending.get(client)?.giveUp();
    return new Promise((resolve, reject) => {
      const pending: Pending = { client, task, session, giveUp: () => resolve(undefined) };
      this.#pending.set(client, pending);
      work
        .finally(() => {
          if (this.#pending.get(client) === pending) this.#pending.delete(client);
        })
        .then(resolve, reject);
    });
  }

  /** A task of these clients is settled. @returns those whose updates the stages were not through with */
  settled(clients: readonly ClientIndex[], task: number): readonly LateUpdate[] {
    if (this.#pending.size === 0) return [];
    return clients.flatMap((client) => {
      const pending = this.#pending.get(client);
      return pending?.task === task ? [this.#giveUp(pending)] : [];
    });
  }

  /** Updates count on live sessions only. */
  sessionClosed(session: string): readonly LateUpdate[] {
    return this.#giveUpWhere((pending) => pending.session === session);
  }

  /** The run is over. */
  close(): readonly LateUpdate[] {
    return this.#giveUpWhere(() => true);
  }

  #giveUpWhere(isLate: (pending: Pending) => boolean): readonly LateUpdate[] {
    return [...this.#pending.values()].filter(isLate).map((pending) => this.#giveUp(pending));
  }

  #giveUp({ client, task, giveUp }: Pending): LateUpdate {
    this.#pending.delete(client);
    giveUp();
    const names = this.stages.map((name) => `"${name}"`).join(', ');
    const message =
      `The update of client ${client} for task ${task + 1} came, but the server halves of the stages (${names}) had not settled when ` +
      'nobody waited for it any more: it is dropped. Mend the one that does not settle, or give rounds more time (deadline).';
    return { client, task, code: 'stage.late', message };
  }
}
