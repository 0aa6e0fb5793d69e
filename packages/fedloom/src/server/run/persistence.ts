import type { Hash, VersionNumber } from '../../core/brands.js';
import type { ReportedResults, RoundRecord } from '../../core/records.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { UsualUpdate } from '../../update/usual-update.js';
import type { RoundDecision } from '../schedule/types.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { ModelVersion } from './versions.js';

/** A round that is decided, with what came of it. */
export interface DecidedRound {
  readonly decision: RoundDecision;
  /** That it made; null: it was void. */
  readonly version: ModelVersion | null;
  /** Numbers of the versions that are kept. */
  readonly needs: readonly VersionNumber[];
  readonly serverResults: ReportedResults | null;
  /** Of the counted updates, for the round's record. */
  readonly training: Pick<RoundRecord, 'trainLoss' | 'sampleCount'>;
  /** Where the virtual clock stands, where there is one. */
  readonly virtualTime: VirtualTime | null;
  /** What was usual among its updates, for the bounds of those that follow; null: it says nothing of that. */
  readonly usual: UsualUpdate | null;
}

/** What a run writes down before anybody is told. What it rejects with ends the run as failed. */
export interface Persistence {
  /**
   * A version is there: its bytes may go to the disk while it is evaluated. After a void round its number comes again.
   */
  made(version: ModelVersion): void;
  /** Settles when it would survive a loss of power; undefined: at once. @param round made where it is asked for, at once */
  decided(round: () => DecidedRound): Promise<void> | undefined;
  /**
   * A round's record, after its evaluation.
   * @param evaluators the clients whose results are in it; null: none were asked
   */
  recorded(record: RoundRecord, evaluators: readonly IndexRange[] | null): void;
  /** All rounds are done. Settles when everything before it is on the disk too. */
  finished(rounds: number, modelHash: Hash): Promise<void>;
}

/** Keeps nothing: for runs that nobody wants to take up again. */
export const noPersistence: Persistence = {
  made: () => {},
  decided: () => undefined,
  recorded: () => {},
  finished: async () => {},
};
