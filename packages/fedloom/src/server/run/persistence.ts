import type { Results, RoundRecord } from '../../core/records.js';
import type { RoundDecision } from '../schedule/types.js';
import type { ModelVersion } from './versions.js';

/** What a run writes down before anybody is told. What it rejects with ends the run as failed. */
export interface Persistence {
  /** A candidate is there: its bytes may go to the disk while it is evaluated. `void` ones are told by `decided`. */
  made(version: ModelVersion): void;
  /**
   * A round is decided. Settles when it would survive a loss of power; undefined: at once.
   * @param version what comes of it: after a void round, a further one as the one before
   * @param needs numbers of older versions that somebody still trains from
   */
  decided(round: {
    readonly decision: RoundDecision;
    readonly version: ModelVersion;
    readonly needs: readonly number[];
    readonly serverResults: Results | null;
    /** Where the virtual clock stands, where there is one. */
    readonly virtualTime: object | null;
  }): Promise<void> | undefined;
  /** A round's record, after its evaluation. */
  recorded(record: RoundRecord): void;
  /** All rounds are done. Settles when everything before it is on the disk too. */
  finished(rounds: number, modelHash: string): Promise<void>;
}

/** Keeps nothing: for runs that nobody wants to take up again. */
export const noPersistence: Persistence = {
  made: () => {},
  decided: () => undefined,
  recorded: () => {},
  finished: async () => {},
};
