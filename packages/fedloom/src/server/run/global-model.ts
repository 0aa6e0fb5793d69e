import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../../algorithms/algorithm.js';
import { broadcastTensors } from '../../algorithms/broadcast.js';
import type { ModelSnapshot } from '../../compute/executor.js';
import type { HashFunction } from '../../core/hash.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { sharedBytes } from '../../data/shared-tensor.js';
import type { ServerWorkload } from './workload.js';

/** The federation's model and the algorithm's server state, from round to round. */
export class GlobalModel {
  #model: NamedTensors;
  #state: NamedTensors;
  #snapshot: ModelSnapshot | undefined;

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

  /** The server update: from the clients' mean to the next model. */
  update(round: number, aggregate: NamedTensors, countedClients: number): void {
    const { model, state } = this.algorithm.server.update({
      round,
      model: this.#model,
      state: this.#state,
      aggregate,
      trained: this.workload.trained,
      countedClients,
      totalClients: this.totalClients,
    });
    this.#model = model;
    this.#state = state;
    this.#snapshot = undefined;
  }

  /** What travels to the clients: the shared parameters and the algorithm's broadcast tensors. */
  get broadcast(): ModelSnapshot {
    if (this.#snapshot === undefined) {
      const tensors = new Map<string, Tensor>([...this.#model, ...broadcastTensors(this.algorithm, this.#state)]);
      const bytes = encodeSafetensors(tensors);
      // Shared, so that the server's own evaluation hands it to worker threads as it is.
      this.#snapshot = { hash: this.hash(bytes), bytes: sharedBytes(bytes), tensors };
    }
    return this.#snapshot;
  }
}
