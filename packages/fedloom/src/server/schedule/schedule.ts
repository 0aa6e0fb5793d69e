import type { Output } from './output.js';
import type { CoordinatorState } from './state.js';
import type { CoordinatorOptions, Reason, UpdateTag } from './types.js';

/**
 * When whom is asked to train, from which version, and when the fold is closed. Everything else (who is there, what becomes of
 * a closed fold, the disk, settlement, evaluation, the end) is common to all schedules.
 *
 * A schedule is pure: what it remembers is plain data in `state.collection`, and it acts through `output` and through
 * `closeFold` (folds.ts). Each method is called after the common part of the state has changed. None may throw, but for
 * `check` and a user's sampler.
 */
export interface Schedule {
  /** Camel case, as the function that makes it. */
  readonly name: string;
  /** All settings with their values, for records. */
  readonly settings: Readonly<Record<string, number | string | null>>;
  /** @throws FedloomError `coordinator.options` when it does not fit this federation */
  check(options: Pick<CoordinatorOptions, 'clients' | 'rounds'>): void;
  /** What it remembers at the start. */
  initial(options: Pick<CoordinatorOptions, 'clients' | 'rounds'>): object;
  /** Enough clients are there: fold `state.round` opens. */
  start(state: CoordinatorState, output: Output): void;
  /** These clients, who were away, have joined; what they were owed is told. Some may have an update that is not settled. */
  arrived(state: CoordinatorState, clients: readonly number[], output: Output): void;
  departed(state: CoordinatorState, clients: readonly number[], output: Output): void;
  /** These clients have been away for longer than the grace. */
  missed(state: CoordinatorState, clients: readonly number[], output: Output): void;
  /** Updates of these clients have just been settled: they may be asked again, those that are there. */
  settled(state: CoordinatorState, clients: readonly number[], output: Output): void;
  /** Why an update must not be folded; null: it may. The client's session and the end of the run are checked before. */
  refuse(state: CoordinatorState, tag: UpdateTag): Reason | null;
  /** An update that was not refused. */
  received(state: CoordinatorState, tag: UpdateTag, output: Output): void;
  /** A client of which an update would not have been refused cannot train, or its update cannot be used. */
  failed(state: CoordinatorState, event: UpdateTag & Reason, output: Output): void;
  /** A timer of the schedule has fired. */
  deadline(state: CoordinatorState, timer: string, output: Output): void;
  /** `state.version` is one further: its candidate passed, or was void. There are further rounds to come. */
  versionMade(state: CoordinatorState, output: Output): void;
  /** Moreover, the version is evaluated, if that was due. Comes after `versionMade`, be the version on the disk or not. */
  evaluated(state: CoordinatorState, output: Output): void;
}
