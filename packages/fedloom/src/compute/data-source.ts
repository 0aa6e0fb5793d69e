import type { PlanManifest } from '@fedloom/engine';
import type { ClientIndex } from '../core/brands.js';
import type { ClientExamples } from '../data/dataset.js';
import type { FederationInfo } from './executor.js';

/** Where a process's clients find their own samples. */
export interface ClientDataSource {
  /**
   * Called once, before any samples are asked for.
   * @throws FedloomError when the data are not there or do not fit the plan
   */
  open(plan: PlanManifest, federation: FederationInfo): Promise<void>;
  /** Called only for clients at work, so it may read lazily. */
  train(client: ClientIndex): ClientExamples | Promise<ClientExamples>;
  /** Undefined when this client holds no test samples. */
  test(client: ClientIndex): ClientExamples | undefined | Promise<ClientExamples | undefined>;
}
