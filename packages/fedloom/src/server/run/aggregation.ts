import { safetensorsDecoder } from '../../core/safetensors.js';
import type { Update } from '../../protocol/messages.js';
import { checkUpdate } from '../../update/check-update.js';
import { type RunningFold, sumFold } from '../../update/fold.js';
import { applyStages, type ClientUpdate } from '../../update/stage.js';
import type { FederationOptions } from './federation-options.js';
import type { GlobalModel } from './global-model.js';

/** An update's way into the model: bytes, checks, stages, fold, and at the round's end the server update. */
export class Aggregation {
  readonly #fold: RunningFold;
  readonly #decode = safetensorsDecoder();

  constructor(
    private readonly options: Pick<FederationOptions, 'workload' | 'algorithm' | 'stages'>,
    private readonly model: GlobalModel,
  ) {
    const { update, initialModel } = options.workload;
    this.#fold = sumFold({ weighting: options.algorithm.weighting }).start(update, initialModel);
  }

  /**
   * The update in `body`, ready to be folded. Its tensors may be views of `body`.
   * @throws FedloomError `safetensors.*`, `update.*`, `stage.*`: the update is not for this model, or not sound
   */
  check({ client, round, sampleCount }: Update, body: Uint8Array | undefined): ClientUpdate {
    const { workload, stages = [] } = this.options;
    const tensors = this.#decode(body ?? new Uint8Array());
    const checked = checkUpdate(tensors, sampleCount, workload.update, `client ${client}`);
    const context = { round, model: this.model.tensors };
    const { checked: _, ...update } = applyStages(stages, { client, sampleCount, tensors }, context);
    // What the stages made anew is checked again by the fold.
    return update.tensors === tensors ? { ...update, checked } : update;
  }

  /** @throws FedloomError `update.too-large` when the round's updates together are more than the fold holds */
  add(update: ClientUpdate): void {
    this.#fold.add(update);
  }

  /** The server update, from what was added since the last. @throws FedloomError `aggregate.*`, `algorithm.*` */
  close(round: number, countedClients: number): void {
    const aggregate = this.#fold.finish();
    this.#fold.reset();
    this.model.update(round, aggregate, countedClients);
  }
}
