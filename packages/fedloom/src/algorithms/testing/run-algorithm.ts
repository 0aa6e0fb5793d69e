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
import { arrays } from '../../data/arrays.js';
import { compileTask } from '../../task/compile-task.js';
import { defineTask } from '../../task/define-task.js';
import type { FederatedAlgorithm } from '../algorithm.js';
import { broadcastTensors } from '../broadcast.js';
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
 * Rounds of an algorithm with real local training: the task's plan on a graph back end, the server update on the plain
 * float64 mean. What the coordinator does, without the network.
 */
export async function runAlgorithm(
  backend: GraphBackend,
  algorithm: FederatedAlgorithm,
  federation: SmallFederation,
  rounds: number,
  options: RunOptions = {},
): Promise<AlgorithmRun> {
  const { freeze = (state) => state, scalars = (round) => ({ learningRate: federation.learningRate(round) }) } =
    options;
  const plan = compileTask(taskOf(algorithm, federation), spec);
  const trained = trainedParameters(plan.manifest);
  const runner = await PlanRunner.create(backend, plan);
  let model: NamedTensors = initialModel(federation);
  let state: NamedTensors = algorithm.server.initialize(model, trained);
  const clientStates = new Map<number, NamedTensors>();
  let aggregate: NamedTensors = new Map();
  for (let round = 0; round < rounds; round++) {
    const cohort = federation.cohort(round);
    const updates: NamedTensors[] = [];
    for (const client of cohort) {
      const result = await runner.train({
        parameters: model,
        broadcast: broadcastTensors(algorithm, state),
        state: clientStates.get(client) ?? new Map(),
        scalars: scalars(round),
        ...examples(federation, client),
        order: federation.order(round, client),
      });
      updates.push(new Map([...result.parameters, ...result.upload]));
      clientStates.set(client, freeze(result.state));
    }
    const uniform = algorithm.weighting === 'uniform';
    const weights = cohort.map((client) => (uniform ? 1 : federation.clients[client]!.y.length));
    aggregate = plainMean(updates, weights);
    const next = algorithm.server.update({
      round,
      model,
      state,
      aggregate,
      trained,
      countedClients: cohort.length,
      totalClients: federation.clients.length,
    });
    model = next.model;
    state = freeze(next.state);
  }
  await runner.release();
  return { w: flatten(model), model, state, clientStates, aggregate };
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

function plainMean(updates: readonly NamedTensors[], weights: readonly number[]): Map<string, Tensor> {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = ([name, { dtype, shape, data }]: [string, Tensor]): [string, Tensor] => {
    const sums = Array.from({ length: data.length }, (_, i) =>
      updates.reduce((sum, update, k) => sum + weights[k]! * (update.get(name)!.data as Float32Array)[i]!, 0),
    );
    return [name, { dtype, shape, data: Float32Array.from(sums, (sum) => sum / total) }];
  };
  return new Map([...updates[0]!].map(mean));
}
