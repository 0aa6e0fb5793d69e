import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { CountedClient, FederatedAlgorithm, ServerUpdateInput } from '../algorithms/algorithm.js';

/** The parameters of `initialModel` that take gradients. */
export const trainedNames: ReadonlySet<string> = new Set(['0.bias', '0.weight']);

/** Trained tensors, a buffer of floats and one of integers. */
export function initialModel(): Map<string, Tensor> {
  return new Map<string, Tensor>([
    ['0.bias', { dtype: 'float32', shape: [2], data: Float32Array.of(0.5, -0.25) }],
    ['0.weight', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, -2, 3e-5, -4, 0.1, 6) }],
    ['1.mean', { dtype: 'float32', shape: [3], data: Float32Array.of(0.1, 0.2, 0.3) }],
    ['1.steps', { dtype: 'int64', shape: [], data: BigInt64Array.of(7n) }],
  ]);
}

export function initialState(algorithm: FederatedAlgorithm): Map<string, Tensor> {
  return algorithm.server.initialize(initialModel(), new Set(trainedNames));
}

/** The shared parameters and the algorithm's state, as they stand before or after a round. */
export interface Standing {
  readonly model: NamedTensors;
  readonly state: NamedTensors;
}

/** Rounds on made-up aggregates: the start, then what each round gave. */
export function playRounds(algorithm: FederatedAlgorithm, rounds: number): readonly Standing[] {
  let now: Standing = { model: initialModel(), state: initialState(algorithm) };
  const played = [now];
  for (let round = 0; round < rounds; round++) {
    now = algorithm.server.update(inputOf(algorithm, now, round));
    played.push(now);
  }
  return played;
}

/** What a round in which every parameter moved gives the server. */
export function inputOf(algorithm: FederatedAlgorithm, { model, state }: Standing, round = 0): ServerUpdateInput {
  const moved = [...stillAggregate(algorithm)].map(([name, tensor]): [string, Tensor] => {
    if (tensor.dtype === 'int64') return [name, { ...tensor, data: BigInt64Array.of(BigInt(round + 1)) }];
    return [name, { ...tensor, data: Float64Array.from(tensor.data.keys(), (i) => wobble(name, round, i)) }];
  });
  return {
    round,
    model,
    state,
    aggregate: new Map(moved),
    trained: new Set(trainedNames),
    clients: [0, 2, 3].map((client) => counted(algorithm, client, round, state)),
    totalClients: 5,
  };
}

/** What the fold makes of clients that did not move: zero deltas, the integers as they are, zero uploads. */
export function stillAggregate(algorithm: FederatedAlgorithm): Map<string, Tensor> {
  const zero = ({ shape, data }: Tensor): Tensor => ({
    dtype: 'float64',
    shape,
    data: new Float64Array(data.length),
  });
  const model = [...initialModel()];
  const parameters = model.map(([name, tensor]): [string, Tensor] => [
    name,
    tensor.dtype === 'int64' ? tensor : zero(tensor),
  ]);
  const trained = model.filter(([name]) => trainedNames.has(name));
  const uploads = (algorithm.client?.terms?.upload ?? []).flatMap((slot) =>
    trained.map(([name, tensor]): [string, Tensor] => [`${slot}/${name}`, zero(tensor)]),
  );
  return new Map([...parameters, ...uploads]);
}

function counted(algorithm: FederatedAlgorithm, client: number, round: number, state: NamedTensors): CountedClient {
  const { terms, scalars } = algorithm.client ?? {};
  const facts = {
    sampleCount: 10 + client,
    stepCount: 4,
    meanLoss: 0.4,
    staleness: 0,
    initialLoss: 0.5 + client,
    deltaNorm: 0.1,
  };
  return {
    client,
    facts,
    weight: 1,
    scalars: { learningRate: 0.1, ...terms?.scalars, ...scalars?.call(algorithm.client, round, state) },
  };
}

/** A small movement, never zero. */
function wobble(name: string, round: number, i: number): number {
  return 0.01 * Math.cos(name.length + 3 * round + 5 * i) || 0.01;
}
