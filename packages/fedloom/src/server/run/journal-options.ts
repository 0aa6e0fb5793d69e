import type { DiskWaits } from '../../journal/run-journal.js';
import type { JournalStorage } from '../../journal/storage.js';

/** Where a run is written down, so that it can go on after whatever ends its process. */
export interface JournalOptions {
  /** For instance `folderStorage(folder)`. It is closed with the run. */
  readonly storage: JournalStorage;
  /** `resume`: there must be an unfinished run; `resume-or-begin`: if there is one. Default `begin`. */
  readonly mode?: 'begin' | 'resume' | 'resume-or-begin';
  /**
   * Takes up a run whose rounds are all done as well, to tell its clients, which may not have heard of it. Default false: such a run
   * is refused.
   */
  readonly alsoFinished?: boolean;
  /** SHA-256 of what the task was loaded from. Default: of its names and settings. */
  readonly taskHash?: string;
  /** Called when the run lets go of its journal, with how often and how long it waited for the disk. */
  readonly onClosed?: (waits: DiskWaits) => void;
}
