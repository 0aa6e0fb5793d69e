import {
  type DataSpec,
  dense,
  type GraphBackend,
  type NamedTensors,
  PlanRunner,
  sequential,
  sgd,
  softmaxCrossEntropy,
  type Tensor,
} from '@fedloom/engine';
import { copyTensors } from '../../compute/own-copies.js';
import { namedHash } from '../../conformance/named-hash.js';
import { clientIndex } from '../../core/brands.js';
import { sha256 } from '../../core/node/sha256.js';
import { countOf } from '../../core/params.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { arrays } from '../../data/arrays.js';
import { Aggregation } from '../../server/run/aggregation.js';
import { Versions } from '../../server/run/versions.js';
import type { ServerWorkload } from '../../server/run/workload.js';
import { compileTask } from '../../task/compile-task.js';
import { defineTask } from '../../task/define-task.js';
import { updateSpecs } from '../../update/plan-specs.js';
import { chainStages } from '../../update/stages/payload-specs.js';
import { changesOf } from '../../update/testing/changes.js';
import type { FederatedAlgorithm } from '../algorithm.js';
import { trainedParameters } from '../trained.js';
import { CLASSES, FEATURES, type SmallFederation } from './small-federation.js';

export interface AlgorithmRun {
  /** Weights row by row, then biases, as the references have them. */
  readonly w: number[];
  readonly model: NamedTensors;
  readonly state: NamedTensors;
  /** By client; absent until it took part. */
  readonly clientStates: ReadonlyMap<number, NamedTensors>;
  /** The last round's aggregate. */
  readonly aggregate: NamedTensors;
}

export interface RunOptions {
  /** Changes server and client states between rounds. */
  readonly freeze?: (state: NamedTensors) => NamedTensors;
  readonly scalars?: (round: number) => Readonly<Record<string, number>>;
}

/**
 * Rounds of an algorithm with real local training: the task's plan on a graph back end, the updates as a client encodes
 * them, and the server's own way from their bytes to the next model. What a run does, without the coordinator and a network.
 */
export async function runAlgorithm(
  backend: GraphBackend,
  algorithm: FederatedAlgorithm,
  federation: SmallFederation,
  rounds: number,
  options: RunOptions = {},
): Promise<AlgorithmRun> {
  const { freeze = (state) => state } = options;
  const frozen = { ...algorithm, server: frozenServer(algorithm.server, freeze) };
  const plan = compileTask(taskOf(algorithm, federation), spec);
  const { manifest } = plan;
  const specs = updateSpecs(manifest);
  const runner = await PlanRunner.create(backend, plan);
  const workload: ServerWorkload = {
    descriptor: { kind: 'plan', hash: namedHash('') },
    takeInitialModel: () => initialModel(federation),
    parameterCount: countOf(initialModel(federation)),
    trained: trainedParameters(manifest),
    specs,
    scalars: manifest.scalars,
    scalarsOf: (round) => ({ learningRate: federation.learningRate(round), ...options.scalars?.(round) }),
    evaluate: async () => undefined,
  };
  const versions = new Versions({ workload, algorithm: frozen, totalClients: federation.clients.length, hash: sha256 });
  const aggregation = new Aggregation({ chain: chainStages([], specs), algorithm });
  const clientStates = new Map<number, NamedTensors>();
  let aggregate: NamedTensors = new Map();
  for (let round = 0; round < rounds; round++) {
    const started = versions.newest;
    const { version: base, tensors, scalars, model } = started;
    for (const client of federation.cohort(round)) {
      const job = { scalars, ...examples(federation, client) };
      const initial = await runner.evaluate({ parameters: model, ...job });
      const result = await runner.train({
        parameters: model,
        broadcast: tensors,
        state: clientStates.get(client) ?? new Map(),
        order: federation.order(round, client),
        ...job,
      });
      const { sampleCount, sums } = initial;
      const { stepCount, meanLoss } = result;
      const facts = { sampleCount, stepCount, meanLoss, initialLoss: (sums.loss ?? 0) / sampleCount };
      const body = encodeSafetensors(new Map([...changesOf(result.parameters, model), ...result.upload]));
      const message = {
        type: 'update',
        task: round,
        attempt: 0,
        client: clientIndex(client),
        base,
        facts,
        trainMs: 0,
      } as const;
      const sound = await aggregation.check(message, body);
      aggregation.add(round, aggregation.weigh(sound, started, versions.newest));
      clientStates.set(client, freeze(result.state));
    }
    aggregation.close(round, (mean, clients) => {
      aggregate = copyTensors(mean);
      return versions.update(round, mean, clients);
    });
  }
  await runner.release();
  const { model, state } = versions.newest;
  return { w: flatten(model), model, state, clientStates, aggregate };
}

function frozenServer(
  server: FederatedAlgorithm['server'],
  freeze: (state: NamedTensors) => NamedTensors,
): FederatedAlgorithm['server'] {
  return {
    initialize: (model, trained) => server.initialize(model, trained),
    update: (input) => {
      const { model, state } = server.update(input);
      return { model, state: new Map(freeze(state)) };
    },
  };
}

const spec: DataSpec = {
  x: { dtype: 'float32', shape: [FEATURES] },
  y: { dtype: 'int32', shape: [], classes: CLASSES },
};

export function taskOf(algorithm: FederatedAlgorithm, federation: SmallFederation) {
  return defineTask({
    name: 'softmax-regression',
    data: arrays({ train: { x: [[0, 0, 0, 0]], y: [0] }, classes: CLASSES }),
    model: sequential([dense(CLASSES)]),
    loss: softmaxCrossEntropy(),
    training: {
      localEpochs: federation.localEpochs,
      batchSize: federation.batchSize,
      optimizer: sgd({ learningRate: federation.learningRate(0) }),
    },
    algorithm,
  });
}

/** As the references have their vectors; `prefix` chooses a slot. */
export function flatten(tensors: NamedTensors, prefix = ''): number[] {
  return [`${prefix}0.weight`, `${prefix}0.bias`].flatMap((name) => [...(tensors.get(name)!.data as Float32Array)]);
}

/** Zero tensors in place of all of them. */
export function zeroed(state: NamedTensors): NamedTensors {
  return new Map(
    [...state].map(([name, tensor]): [string, Tensor] => [
      name,
      { ...tensor, data: new Float32Array(tensor.data.length) },
    ]),
  );
}

function initialModel({ initial }: SmallFederation): Map<string, Tensor> {
  const split = CLASSES * FEATURES;
  return new Map<string, Tensor>([
    ['0.bias', { dtype: 'float32', shape: [CLASSES], data: Float32Array.from(initial.slice(split)) }],
    ['0.weight', { dtype: 'float32', shape: [CLASSES, FEATURES], data: Float32Array.from(initial.slice(0, split)) }],
  ]);
}

function examples(federation: SmallFederation, client: number): { x: Tensor; y: Tensor } {
  const { x, y } = federation.clients[client]!;
  return {
    x: { dtype: 'float32', shape: [x.length, FEATURES], data: Float32Array.from(x.flat()) },
    y: { dtype: 'int32', shape: [y.length], data: Int32Array.from(y) },
  };
}
