import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { Evaluation, Statistic } from '../../core/evaluation.js';
import { decodeSafetensors, safetensorsEncoder } from '../../core/safetensors.js';
import { shownJson } from '../../core/shown-json.js';
import { wireLimits } from '../../protocol/limits.js';
import { encodeChanges } from '../../update/delta.js';
import { ownSpecs, updateSpecs } from '../../update/plan-specs.js';
import type { UpdateSpec } from '../../update/update.js';
import type {
  ClientEvaluation,
  ClientExecutor,
  ClientWorkload,
  EvaluateJob,
  FederationInfo,
  ModelSnapshot,
  TrainJob,
  TrainOutcome,
} from '../executor.js';
import type { DeviceDesk } from './device-desk.js';
import { type DeviceResult, messageType, numberOf } from './device-messages.js';
import { fromLists, toLists } from './nested-tensors.js';

/** Does a client's work by asking a device that speaks JSON: it gets the whole model, and gives back the one that it trained. */
export class DeviceExecutor implements ClientExecutor {
  readonly concurrency = 1;
  readonly evaluationGroup = 1;
  readonly #device: number;
  readonly #desk: DeviceDesk;
  readonly #encodeUpdate = safetensorsEncoder(wireLimits.chunkHeaderBytes);
  #workload: ClientWorkload | undefined;
  #frozen: NamedTensors = new Map();
  #begun = false;

  /** @param device its number, from 1 */
  constructor(device: number, desk: DeviceDesk) {
    this.#device = device;
    this.#desk = desk;
  }

  async prepare(workload: ClientWorkload, { algorithm }: FederationInfo): Promise<void> {
    this.#workload = workload;
    if (workload.kind !== 'plan') return;
    const { parameters, algorithm: own } = workload.plan.manifest;
    const isPrivate = parameters.some(({ scope }) => scope === 'private');
    if (isPrivate || own.broadcast.length + own.state.length + own.upload.length > 0) throw this.#cannot(algorithm);
    this.#frozen = workload.frozen === undefined ? new Map() : decodeSafetensors(workload.frozen.bytes);
  }

  async train({ task, model, needs, signal }: TrainJob): Promise<TrainOutcome> {
    if (needs.length > 0) throw this.#cannot(`an algorithm that needs ${needs.join(', ')}`);
    const type = this.#begun ? messageType.sync : messageType.init;
    this.#begun = true;
    const ask = { kind: 'update', round: task, model: model.hash } as const;
    const { params, sampleCount } = await this.#desk.ask(ask, this.#text(type, task, model), signal);
    const specs = this.#specs(model);
    const local = fromLists(params, specs, this.#device);
    return {
      update: encodeChanges(this.#encodeUpdate, local, model.tensors),
      facts: { sampleCount, stepCount: 0 },
      specs,
    };
  }

  async evaluate({ clients, round, model, signal }: EvaluateJob): Promise<readonly ClientEvaluation[]> {
    const ask = { kind: 'result', round, model: model.hash } as const;
    return Promise.all(
      clients.map(async (client): Promise<ClientEvaluation> => {
        try {
          const result = await this.#desk.ask(ask, this.#text(messageType.test, round, model), signal);
          return { client, evaluation: this.#evaluation(result) };
        } catch (error) {
          return { client, error };
        }
      }),
    );
  }

  async close(): Promise<void> {}

  #text(type: number, round: number, { tensors }: ModelSnapshot): string {
    const params = { ...toLists(tensors), ...toLists(this.#frozen) };
    return JSON.stringify({
      msg_type: type,
      sender: 0,
      receiver: this.#device,
      model_params: params,
      round_idx: round,
    });
  }

  #specs({ tensors }: ModelSnapshot): readonly UpdateSpec[] {
    return this.#workload?.kind === 'plan' ? updateSpecs(this.#workload.plan.manifest) : ownSpecs(tensors);
  }

  #evaluation({ results, sampleCount }: DeviceResult): Evaluation | null {
    if (sampleCount === 0) return null;
    if (this.#workload?.kind !== 'plan') return { sampleCount, statistics: {}, ...ownResults(results) };
    const statistics: Record<string, Statistic> = {};
    const unsound: Record<string, string> = {};
    // A device tells means, and so no metric that is made of several sums.
    for (const { name } of this.#workload.plan.manifest.metrics.filter(({ size }) => size === undefined)) {
      const value = numberOf(results[name]);
      if (Number.isFinite(value)) statistics[name] = { sum: value * sampleCount, weight: sampleCount };
      else unsound[name] = notANumber(results[name]);
    }
    return { sampleCount, statistics, unsound };
  }

  #cannot(algorithm: string): FedloomError {
    const message =
      `Devices that speak JSON train the whole model and send it back: they cannot take part in a run of ${algorithm}, ` +
      'which asks more of clients. Use FedAvg, or another algorithm of the server alone.';
    return new FedloomError('device.algorithm', message, { algorithm });
  }
}

/** Numbers, and lists of them; what of the others is told. */
function ownResults(results: DeviceResult['results']): Pick<Evaluation, 'results' | 'unsound'> {
  const sound: Record<string, number | readonly number[]> = {};
  const unsound: Record<string, string> = {};
  for (const [name, value] of Object.entries(results)) {
    const numbers = Array.isArray(value) ? value.map(numberOf) : numberOf(value);
    if ([numbers].flat().every(Number.isFinite)) sound[name] = numbers;
    else unsound[name] = notANumber(value);
  }
  return { results: sound, unsound };
}

function notANumber(value: unknown): string {
  return value === undefined ? 'is missing' : `is ${shownJson(value)}, not a number`;
}
