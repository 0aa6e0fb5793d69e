import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { LargestTerms } from './check-update.js';

/** A client's update on its way into the aggregate: checked, but not yet folded. */
export interface ClientUpdate {
  /** The client's index. */
  readonly client: number;
  readonly sampleCount: number;
  /** Trained parameters and uploads (`slot/parameter`). */
  readonly tensors: NamedTensors;
  /** What the checks found in these very tensors, so that the fold need not read them twice. */
  readonly checked?: LargestTerms;
}

export interface StageContext {
  /** From 0. */
  readonly round: number;
  /** The shared parameters that the round's clients started from. */
  readonly model: NamedTensors;
}

/**
 * A step that every update of a round passes before it is folded, such as clipping. Stages run in the order of their
 * list. `apply` returns an update of the same names, shapes and dtypes and changes none of the tensors it is given.
 */
export interface UpdateStage {
  /** Unique within a run. */
  readonly name: string;
  apply(update: ClientUpdate, context: StageContext): ClientUpdate;
}

/** Leaves updates as they are. */
export function identityStage(): UpdateStage {
  return { name: 'identity', apply: (update) => update };
}

/**
 * Runs an update through the stages, first to last.
 * @throws FedloomError `stage.failed`, naming stage and client, with the stage's error as cause.
 */
export function applyStages(stages: readonly UpdateStage[], update: ClientUpdate, context: StageContext): ClientUpdate {
  return stages.reduce((current, stage) => {
    try {
      return stage.apply(current, context);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `Stage "${stage.name}" failed on the update of client ${update.client} in round ${context.round}: ${why}`;
      throw new FedloomError('stage.failed', message, { stage: stage.name, client: update.client }, { cause });
    }
  }, update);
}
