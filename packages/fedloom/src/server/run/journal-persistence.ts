import type { Hash, VersionNumber } from '../../core/brands.js';
import type { RoundRecord } from '../../core/records.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import type { StoredBlob } from '../../journal/blob-shelf.js';
import type { JournalStates } from '../../journal/journal-states.js';
import type { Json } from '../../journal/record.js';
import type { NewVersion, RunJournal } from '../../journal/run-journal.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { DecidedRound, Persistence } from './persistence.js';
import { MODEL, type ModelVersion } from './versions.js';

/** What a round's record holds beside what the journal itself looks at: where the schedule stands, and parts of its record. */
export type Progress = Pick<DecidedRound, 'decision' | 'virtualTime' | 'training' | 'usual'>;

/** A version of which the journal has the bytes, and no record yet. */
interface Stored {
  readonly number: VersionNumber;
  readonly hash: Hash;
  readonly model: StoredBlob;
  readonly frozen: StoredBlob | undefined;
  readonly state: StoredBlob | null;
}

/** Writes a run down in its journal. */
export class JournalPersistence implements Persistence {
  readonly #journal: RunJournal;
  readonly #states: JournalStates;
  #stored: Stored | undefined;
  #first: Promise<void> = Promise.resolve();

  /**
   * @param states of the clients that are simulated in this process
   */
  constructor(journal: RunJournal, states: JournalStates) {
    this.#journal = journal;
    this.#states = states;
  }

  made(version: ModelVersion): void {
    const { number } = version.version;
    const { frozen } = version;
    this.#release();
    this.#stored = {
      number,
      hash: version.hash,
      model: this.#storeModel(version),
      frozen: frozen && this.#journal.store('versions', frozen.bytes, frozen.hash),
      state: version.state.size === 0 ? null : this.#journal.store('versions', encodeSafetensors(version.state)),
    };
    if (number > 0) return;
    this.#first = this.#journal.commitFirstVersion(this.#take([]));
    // Whoever decides the first round is told.
    this.#first.catch(() => {});
  }

  async decided(round: () => DecidedRound): Promise<void> {
    const { decision, version, needs, serverResults, virtualTime, training, usual } = round();
    await this.#first;
    const { counted, uncounted, replaced, voided, voidUpdates } = decision;
    const progress: Progress = { decision, virtualTime, training, usual };
    if (version === null) this.#release();
    await this.#journal.commitRound({
      decided: {
        round: decision.round,
        outcome: voided === null ? 'counted' : 'void',
        ...(voided !== null && { reason: { code: voided.code, message: voided.message } }),
        counted,
        voidUpdates,
        refused: uncounted.flatMap(({ client, task, attempt, code }) =>
          attempt === null ? [] : [{ client, task, attempt, code }],
        ),
        replaced: replaced.map(({ client, by }) => ({ client, by, code: 'client.replaced' })),
        serverResults,
        // Plain data, which the journal takes down before it returns; what stands nowhere in JSON is left out.
        schedule: progress as unknown as Json,
      },
      ...(version !== null && { version: this.#take(needs) }),
      privateStates: this.#states.take(counted),
    });
    for (const { client, task } of uncounted) this.#states.drop(client, task);
  }

  recorded(record: RoundRecord, evaluators: readonly IndexRange[] | null): void {
    // What fails shows at the next decision, or at the end.
    this.#journal.noteEvaluation({ round: record.round, report: record, evaluators }).catch(() => {});
  }

  async finished(rounds: number, modelHash: Hash): Promise<void> {
    await this.#first;
    await this.#journal.finish({ rounds, modelHash });
  }

  /** Where an algorithm broadcasts nothing else, the model travels as it is stored. */
  #storeModel({ tensors, model, bytes, hash }: ModelVersion): StoredBlob {
    if (tensors.size === model.size) return this.#journal.store('versions', bytes, hash);
    return this.#journal.store('versions', encodeSafetensors(model));
  }

  /** A version whose bytes belong to the journal from now on. */
  #take(needs: readonly VersionNumber[]): NewVersion {
    const stored = this.#stored;
    if (stored === undefined) throw new Error('a version is recorded that was not stored');
    this.#stored = undefined;
    const { number, hash, model: blob, frozen, state } = stored;
    return { number, models: { [MODEL]: { hash, blob, ...(frozen && { frozen }) } }, state, needs };
  }

  /** What a void round left behind. */
  #release(): void {
    const stored = this.#stored;
    if (stored === undefined) return;
    this.#stored = undefined;
    for (const blob of [stored.model, stored.frozen, stored.state]) if (blob) this.#journal.release(blob);
  }
}
