/**
 * Why the coordinator did something: codes that settlements, refusals, warnings and records carry. What clients and the shell
 * say went wrong passes through it with codes of their own.
 */

/** Of `refuseJoin`. */
export type JoinRefusal = 'join.held' | 'join.range';

/** Of `takeOver`. */
export type TakeOver = 'join.taken';

/** Of `discard`. */
export type UpdateRefusal =
  | 'run.finished'
  | 'update.late'
  | 'update.not-in-cohort'
  | 'update.repeated'
  | 'update.stale'
  | 'update.unknown-attempt'
  | 'update.unknown-round'
  | 'update.unknown-task'
  | 'update.wrong-session';

/** Of `discardEvaluation`. */
export type EvaluationRefusal =
  | 'evaluation.late'
  | 'evaluation.not-asked'
  | 'evaluation.repeated'
  | 'evaluation.unknown-round'
  | 'evaluation.wrong-session'
  | 'run.finished';

/** Of clients that were asked to train and do not count. */
export type Uncounted =
  | 'ask.deadline'
  | 'client.away'
  | 'client.quarantined'
  | 'client.silent'
  | 'round.closed'
  | 'round.deadline'
  | 'run.ending'
  | 'stage.late'
  | 'update.stale';

/** Of the end that the coordinator comes to by itself. */
export type RunEnd =
  | 'replay.client-failed'
  | 'replay.client-left'
  | 'round.quorum'
  | 'round.void'
  | 'run.clients-missing'
  | 'run.completed'
  | 'run.stopped'
  | 'sampler.permutation';

/** Of what a person should see. */
export type Warning =
  | 'ask.deadline'
  | 'client.quarantined'
  | 'client.released'
  | 'client.replaced'
  | 'evaluation.missing'
  | 'evaluation.nobody'
  | 'round.extended'
  | 'round.idle'
  | 'round.partial'
  | 'round.void'
  | 'run.waiting';
