import type { NamedTensors } from '@fedloom/engine';
import type { TrainOutcome } from '../compute/executor.js';
import type { ClientIndex } from '../core/brands.js';
import { RandomStream } from '../core/random.js';
import { decodeSafetensors, encodeSafetensors, safetensorsEncoder } from '../core/safetensors.js';
import { wireLimits } from '../protocol/limits.js';
import type { StageDescriptor } from '../protocol/messages.js';
import type { Stage } from '../update/stage-contract.js';
import { runClientStages, statePrefix } from '../update/stages/client-stages.js';
import { chainStages, type StageChain } from '../update/stages/payload-specs.js';
import { stageNamed } from '../update/stages/registry.js';
import type { UpdateSpec } from '../update/update.js';
import type { OutboundPart } from './outbound.js';

/** An update and the private state that goes with it, as bytes: the state holds the algorithm's tensors and the stages'. */
export interface StagedUpdate {
  readonly update: Uint8Array;
  readonly state?: Uint8Array;
}

const ANY_STAGE = statePrefix('').slice(0, -1);

/** The client halves of a run's stages. */
export class UpdateStages {
  readonly #encode = safetensorsEncoder(wireLimits.chunkHeaderBytes);
  #stages: readonly Stage[] = [];
  #chain: StageChain | undefined;
  #specs: readonly UpdateSpec[] = [];

  /** @param extra those that this client brings beside the built-in ones */
  constructor(private readonly extra: readonly Stage[] = []) {}

  /** @throws FedloomError `stage.unknown`, `stage.option`: this client cannot take part in the run */
  open(descriptors: readonly StageDescriptor[]): void {
    this.#stages = descriptors.map(({ name, options }) => stageNamed(name, options, this.extra));
    this.#chain = undefined;
  }

  /** The part of a committed private state that is the algorithm's. */
  algorithmState(committed: Uint8Array | undefined): Uint8Array | undefined {
    if (committed === undefined || this.#stages.length === 0) return committed;
    const own = [...decodeSafetensors(committed)].filter(([name]) => !name.startsWith(ANY_STAGE));
    return own.length === 0 ? undefined : encodeSafetensors(new Map(own));
  }

  /**
   * What travels of a finished training, and what its private state becomes if it counts.
   * @throws FedloomError `stage.*`, for instance for a delta that is not finite
   */
  async apply(
    outcome: TrainOutcome,
    of: { readonly client: ClientIndex; readonly task: number; readonly seed: number; readonly committed?: Uint8Array },
  ): Promise<StagedUpdate> {
    this.#specs = outcome.specs;
    if (this.#stages.length === 0) return outcome;
    const { client, task, seed, committed } = of;
    const staged = await runClientStages(this.#chainFor(outcome.specs), decodeSafetensors(outcome.update), {
      client,
      task,
      state: committed === undefined ? new Map() : decodeSafetensors(committed),
      random: (stage) => RandomStream.of(seed, `stage:${stage}`, task, client),
    });
    const algorithm: NamedTensors = outcome.state === undefined ? new Map() : decodeSafetensors(outcome.state);
    const state = new Map([...algorithm, ...staged.state]);
    return { update: this.#encode(staged.tensors), ...(state.size > 0 && { state: encodeSafetensors(state) }) };
  }

  /** What a tensor of the updates that left, or are about to leave, is of. */
  partOf(tensor: string): OutboundPart {
    const spec = this.#specs.find(({ name }) => name === tensor);
    if (spec !== undefined) return spec.kind;
    return this.#chain?.wire.find(({ name }) => name === tensor)?.trained === true ? 'trained' : 'other';
  }

  /** One run has one model: made for the first update. */
  #chainFor(specs: readonly UpdateSpec[]): StageChain {
    this.#chain ??= chainStages(this.#stages, specs);
    return this.#chain;
  }
}
