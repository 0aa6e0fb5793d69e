import type { NamedTensors, Tensor } from '@fedloom/engine/base';
import { compareNames } from '../../core/params.js';
import type { RandomStream } from '../../core/random.js';
import type { ClientStageResult } from '../stage-contract.js';
import { runHalf } from './halves.js';
import { checkPayload, type StageChain, type StageLink } from './payload-specs.js';

/** Whose update it is. */
export interface ClientStagesContext {
  readonly client: number;
  /** As `Update.task`. */
  readonly task: number;
  /** The client's private state as it last committed; what is not of stages is ignored. */
  readonly state: NamedTensors;
  /** The client's stream for a stage and this task: drawn from only by stages that need chance. */
  random(stage: string): RandomStream;
}

export interface ClientStagesResult {
  /** What travels: as `StageChain.wire` lists it. */
  readonly tensors: NamedTensors;
  /**
   * The next private state of all stages, ascending by name: `stage:<name>/<tensor>`, so that it can lie in one safetensors
   * file with the algorithm's. It replaces what they kept before if the update counts, and is dropped otherwise.
   */
  readonly state: NamedTensors;
}

const NO_STATE: NamedTensors = new Map();

/**
 * Runs an update's tensors through the client halves, first to last. Without stages they come back as they are.
 * @returns a promise only where a half is async
 * @throws FedloomError `stage.payload` for a stage that does not make what it declared, `stage.failed` with the stage's
 *   error as cause, `stage.*` of the stages
 */
export function runClientStages(
  chain: StageChain,
  tensors: NamedTensors,
  context: ClientStagesContext,
): ClientStagesResult | Promise<ClientStagesResult> {
  if (chain.stages.length === 0) return { tensors, state: NO_STATE };
  const state: [string, Tensor][] = [];
  const from = (at: number, current: NamedTensors): ClientStagesResult | Promise<ClientStagesResult> => {
    const link = chain.stages[at];
    if (link === undefined) return { tensors: current, state: sortedState(state) };
    const { client, name } = link.stage;
    if (client === undefined) return from(at + 1, current);
    return runHalf(
      () => client.call(link.stage, current, stageContext(chain, link, context)),
      (result: ClientStageResult) => {
        checkPayload(result.tensors, link.output, { stage: name, client: context.client, from: 'client' });
        for (const [tensor, value] of result.state ?? NO_STATE) state.push([`${statePrefix(name)}${tensor}`, value]);
        return from(at + 1, result.tensors);
      },
      { stage: name, client: context.client, task: context.task },
    );
  };
  return from(0, tensors);
}

function stageContext({ specs }: StageChain, { stage, input }: StageLink, context: ClientStagesContext) {
  const { client, task } = context;
  const prefix = statePrefix(stage.name);
  const own = [...context.state].filter(([name]) => name.startsWith(prefix));
  const state = new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  return { client, task, specs, input, state, random: context.random(stage.name) };
}

/** What the names of a stage's private tensors begin with. */
export function statePrefix(stage: string): string {
  return `stage:${stage}/`;
}

function sortedState(entries: [string, Tensor][]): NamedTensors {
  return new Map(entries.sort(([a], [b]) => compareNames(a, b)));
}
