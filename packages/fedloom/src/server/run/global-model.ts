import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm, Scalars } from '../../algorithms/algorithm.js';
import { broadcastTensors } from '../../algorithms/broadcast.js';
import type { ModelSnapshot } from '../../compute/executor.js';
import type { HashFunction } from '../../core/hash.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { sharedBytes } from '../../data/shared-tensor.js';
import type { Version } from '../../update/update.js';
import type { ServerWorkload } from './workload.js';

/** A model as it travels, and which it is. */
export interface ModelVersion extends ModelSnapshot {
  readonly version: Version;
}

/** The run's one model. Nothing in the protocol or the records takes it to be the only one. */
const MODEL = 'model';

/** The federation's model and the algorithm's server state, from version to version. */
export class GlobalModel {
  #model: NamedTensors;
  #state: NamedTensors;
  #number = 0;
  #current: ModelVersion | undefined;

  constructor(
    private readonly workload: ServerWorkload,
    private readonly algorithm: FederatedAlgorithm,
    private readonly totalClients: number,
    private readonly hash: HashFunction,
  ) {
    this.#model = workload.initialModel;
    this.#state = algorithm.server.initialize(workload.initialModel, workload.trained);
  }

  /** The shared parameters, ascending by name. */
  get tensors(): NamedTensors {
    return this.#model;
  }

  /** The algorithm's, `slot/parameter`. */
  get state(): NamedTensors {
    return this.#state;
  }

  /** The server update: from the clients' aggregate to the next version. */
  update(round: number, aggregate: NamedTensors, clients: readonly CountedClient[]): void {
    const { model, state } = this.algorithm.server.update({
      round,
      model: this.#model,
      state: this.#state,
      aggregate,
      trained: this.workload.trained,
      clients,
      totalClients: this.totalClients,
    });
    this.#model = model;
    this.#state = state;
    this.#number += 1;
    this.#current = undefined;
  }

  /** The clients' scalars for a round that starts from this version. */
  scalars(round: number): Scalars {
    const { scalars, scalarsOf } = this.workload;
    return { ...scalars, ...scalarsOf?.(round), ...this.algorithm.client?.scalars?.(round, this.#state) };
  }

  /** What travels to the clients: the shared parameters and the algorithm's broadcast tensors. */
  get current(): ModelVersion {
    if (this.#current === undefined) {
      const tensors = new Map<string, Tensor>([...this.#model, ...broadcastTensors(this.algorithm, this.#state)]);
      const bytes = encodeSafetensors(tensors);
      const hash = this.hash(bytes);
      const version = { model: MODEL, number: this.#number, hash };
      // Shared, so that the server's own evaluation hands it to worker threads as it is.
      this.#current = { version, hash, bytes: sharedBytes(bytes), tensors };
    }
    return this.#current;
  }
}
