import type { NamedTensors } from '@fedloom/engine/base';
import { runHalf } from './halves.js';
import { checkPayload, type StageChain } from './payload-specs.js';

/** Whose update it is. */
export interface ServerStagesContext {
  readonly client: number;
  /** As `Update.task`. */
  readonly task: number;
}

/**
 * Runs what a client sent through the server halves, last to first, back to the run's specs. Without stages it comes back as
 * it is. What comes out is checked for names, dtypes and shapes, not for values: those are checked as an update's.
 * @returns a promise only where a half is async
 * @throws FedloomError `stage.payload` where the client sent, or a server half gives, something else than was declared,
 *   `stage.failed` with the stage's error as cause, `stage.*` of the stages
 */
export function runServerStages(
  chain: StageChain,
  payload: NamedTensors,
  context: ServerStagesContext,
): NamedTensors | Promise<NamedTensors> {
  const { client, task } = context;
  const last = chain.stages.at(-1);
  if (last === undefined) return payload;
  checkPayload(payload, chain.wire, { stage: last.stage.name, client, from: 'wire' });
  const from = (at: number, current: NamedTensors): NamedTensors | Promise<NamedTensors> => {
    const link = at < 0 ? undefined : chain.stages[at];
    if (link === undefined) return current;
    const { stage, input } = link;
    const { server, name } = stage;
    if (server === undefined) return from(at - 1, current);
    return runHalf(
      () => server.call(stage, current, { client, task, specs: chain.specs, input }),
      (tensors) => {
        checkPayload(tensors, input, { stage: name, client, from: 'server' });
        return from(at - 1, tensors);
      },
      { stage: name, client, task },
    );
  };
  return from(chain.stages.length - 1, payload);
}
