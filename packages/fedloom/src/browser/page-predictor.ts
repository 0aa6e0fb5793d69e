import { bindParameters, FedloomError, inferenceInfo, type NamedTensors } from '@fedloom/engine';
import type { GraphBackend } from '@fedloom/engine/run';
import type { ClientWorkload, ModelSnapshot } from '../compute/executor.js';
import { decodeSafetensors } from '../core/safetensors.js';
import { type Predictions, Predictor } from '../inference/predictor.js';
import type { SamplesInput } from '../inference/samples.js';
import type { WorkWatcher } from './watched-executor.js';

/** What a model computes: the file `inference.onnx` of a run's folder, or where it is. */
export type InferenceSource = Uint8Array | string;

/** Predicts with the newest model that clients of this page were asked about. */
export class PagePredictor implements WorkWatcher {
  readonly #source: InferenceSource | undefined;
  #workload: ClientWorkload | undefined;
  #newest: ModelSnapshot | undefined;
  #loaded: { readonly hash: string; readonly predictor: Predictor } | undefined;
  #graph: Promise<Uint8Array> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: InferenceSource | undefined) {
    this.#source = source;
  }

  prepared(workload: ClientWorkload): void {
    this.#workload = workload;
  }

  model(model: ModelSnapshot): void {
    this.#newest = model;
  }

  /** @throws FedloomError `browser.no-inference`, `browser.no-model`, `browser.inference`, `onnx.parameters`, `predict.input` */
  predict(x: SamplesInput, backend: GraphBackend): Promise<Predictions> {
    const done = this.#turn.then(async () => (await this.#predictor(backend)).predict(x));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #predictor(backend: GraphBackend): Promise<Predictor> {
    const [model, workload] = [this.#newest, this.#workload];
    if (this.#source === undefined) throw noInference();
    if (model === undefined || workload?.kind !== 'plan') throw noModel();
    if (this.#loaded?.hash === model.hash) return this.#loaded.predictor;
    this.#graph ??= graphOf(this.#source);
    const graph = await this.#graph.catch((error: unknown) => {
      // It may be there the next time.
      this.#graph = undefined;
      throw error;
    });
    const info = inferenceInfo(graph);
    if (info === undefined) throw noGraph(nameOf(this.#source), 'it is none that fedloom wrote');
    const onnx = bindParameters(graph, parametersOf(workload, model));
    const predictor = new Predictor(await backend.load(onnx), info.task, info.data, info.names);
    await this.#loaded?.predictor.close();
    this.#loaded = { hash: model.hash, predictor };
    return predictor;
  }
}

/** What all clients share of a model: its trained parameters and those that are frozen. */
function parametersOf(workload: ClientWorkload & { readonly kind: 'plan' }, model: ModelSnapshot): NamedTensors {
  const names = new Set(workload.plan.manifest.parameters.map(({ name }) => name));
  const trained = [...decodeSafetensors(model.bytes.slice())].filter(([name]) => names.has(name));
  const frozen = workload.frozen === undefined ? [] : [...decodeSafetensors(workload.frozen.bytes.slice())];
  return new Map([...frozen, ...trained]);
}

async function graphOf(source: InferenceSource): Promise<Uint8Array> {
  if (typeof source !== 'string') return source;
  try {
    const response = await fetch(source);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new Error(`the host answers ${response.status}`);
  } catch (error) {
    throw noGraph(source, error instanceof Error ? error.message : String(error));
  }
}

function nameOf(source: InferenceSource): string {
  return typeof source === 'string' ? source : 'what was given';
}

function noGraph(source: string, why: string): FedloomError {
  const message = `What the model computes was not to be had from ${source}: ${why}. Have your host serve the file inference.onnx of the run's folder.`;
  return new FedloomError('browser.inference', message, { source });
}

function noInference(): FedloomError {
  const message =
    "A page predicts where it was given the file inference.onnx of the run's folder, or its address, as the option 'inference'.";
  return new FedloomError('browser.no-inference', message);
}

function noModel(): FedloomError {
  const message =
    'No model has come yet: predict after this client was asked to train or to evaluate for the first time.';
  return new FedloomError('browser.no-model', message);
}
