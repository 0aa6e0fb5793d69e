import type { NamedTensors, Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { FederatedAlgorithm, ServerUpdateInput } from '../algorithm.js';
import { movedBy } from '../server-math.js';

/**
 * What every federated algorithm keeps to, whatever it computes. Run it on an algorithm of your own as the built-in ones do.
 * The model has trained tensors, a buffer of floats and one of integers.
 */
export function algorithmConformance(make: () => FederatedAlgorithm): void {
  describe(`${make().name} keeps to the contract`, () => {
    it('names, shapes and dtypes stay as they were', () => {
      const rounds = play(make(), 3);
      const [before, after] = [rounds[0]!, rounds.at(-1)!];
      expect(types(after.model)).toEqual(types(before.model));
      expect(types(after.state)).toEqual(types(before.state));
    });

    it('is deterministic to the bit', () => {
      expect(play(make(), 3)).toEqual(play(make(), 3));
    });

    it('keeps nothing between calls: one value serves two runs', () => {
      const algorithm = make();
      expect(play(algorithm, 3)).toEqual(play(algorithm, 3));
    });

    it('changes none of the tensors it is given', () => {
      const algorithm = make();
      const input = inputOf(algorithm, 0, initialModel(), algorithm.server.initialize(initialModel(), TRAINED));
      const copy = structuredClone(input);
      algorithm.server.update(input);
      expect(input).toEqual(copy);
    });

    it('stays finite over many rounds', () => {
      for (const { model, state } of play(make(), 50)) {
        for (const tensor of [...model.values(), ...state.values()]) {
          expect([...tensor.data].every((value) => Number.isFinite(Number(value)))).toBe(true);
        }
      }
    });

    it('moves the trained parameters and only averages the buffers', () => {
      const algorithm = make();
      const model = initialModel();
      const input = inputOf(algorithm, 0, model, algorithm.server.initialize(model, TRAINED));
      const next = algorithm.server.update(input).model;
      for (const name of TRAINED) expect(next.get(name)).not.toEqual(model.get(name));
      expect(next.get('1.steps')).toEqual(input.aggregate.get('1.steps'));
      const [mean, delta] = [model.get('1.mean')!, input.aggregate.get('1.mean')!];
      expect(next.get('1.mean')).toEqual(movedBy(mean, delta.data as Float64Array));
    });

    it('stands still when no client moves', () => {
      const algorithm = make();
      const model = initialModel();
      const state = algorithm.server.initialize(model, TRAINED);
      const still = { ...inputOf(algorithm, 0, model, state), aggregate: stillAggregate(algorithm) };
      expect(algorithm.server.update(still).model).toEqual(model);
    });

    it('its tensors are named slot/parameter, and those that travel are float32', () => {
      const algorithm = make();
      const state = algorithm.server.initialize(initialModel(), TRAINED);
      for (const [name, { shape, dtype }] of state) {
        const [slot, parameter] = name.split('/') as [string, string];
        expect(TRAINED).toContain(parameter);
        expect(shape).toEqual(initialModel().get(parameter)!.shape);
        if (algorithm.client?.terms?.broadcast.includes(slot)) expect(dtype).toBe('float32');
      }
    });

    it('can be made again with its own settings, and refuses unknown ones', () => {
      const algorithm = make();
      if (algorithm.with === undefined) return;
      const again = algorithm.with(algorithm.hyperparameters ?? {});
      expect(again.hyperparameters).toEqual(algorithm.hyperparameters);
      expect(play(again, 2)).toEqual(play(algorithm, 2));
      expect(() => algorithm.with!({ noSuchSetting: 1 })).toThrow(/no option "noSuchSetting"/);
    });
  });
}

const TRAINED: ReadonlySet<string> = new Set(['0.bias', '0.weight']);

interface Played {
  readonly model: NamedTensors;
  readonly state: NamedTensors;
}

/** Rounds on made-up aggregates: the start, then what each round gave. */
function play(algorithm: FederatedAlgorithm, rounds: number): Played[] {
  const model = initialModel();
  const played: Played[] = [{ model, state: algorithm.server.initialize(model, TRAINED) }];
  for (let round = 0; round < rounds; round++) {
    const { model, state } = played.at(-1)!;
    played.push(algorithm.server.update(inputOf(algorithm, round, model, state)));
  }
  return played;
}

function inputOf(
  algorithm: FederatedAlgorithm,
  round: number,
  model: NamedTensors,
  state: NamedTensors,
): ServerUpdateInput {
  const moved = (name: string, tensor: Tensor): Tensor =>
    tensor.dtype === 'int64'
      ? { ...tensor, data: BigInt64Array.of(BigInt(round + 1)) }
      : { ...tensor, data: (tensor.data as Float64Array).map((_, i) => wobble(name, round, i)) };
  const aggregate = [...stillAggregate(algorithm)].map(([name, tensor]): [string, Tensor] => [
    name,
    moved(name, tensor),
  ]);
  return {
    round,
    model,
    state,
    aggregate: new Map(aggregate),
    trained: TRAINED,
    clients: [0, 2, 3].map((client) => ({
      client,
      facts: { sampleCount: 10 + client, stepCount: 4, staleness: 0, initialLoss: 0.5 + client, deltaNorm: 0.1 },
      weight: 1,
      scalars: { learningRate: 0.1 },
    })),
    totalClients: 5,
  };
}

/** A small movement, never zero. */
function wobble(name: string, round: number, i: number): number {
  return 0.01 * Math.cos(name.length + 3 * round + 5 * i) || 0.01;
}

/** What the fold makes of clients that did not move: zero deltas, the integers as they are, zero uploads. */
function stillAggregate(algorithm: FederatedAlgorithm): Map<string, Tensor> {
  const zero = ({ shape, data }: Tensor): Tensor => ({
    dtype: 'float64',
    shape,
    data: new Float64Array(data.length),
  });
  const parameters = [...initialModel()].map(([name, tensor]): [string, Tensor] => [
    name,
    tensor.dtype === 'int64' ? tensor : zero(tensor),
  ]);
  const uploads = (algorithm.client?.terms?.upload ?? []).flatMap((slot) =>
    [...TRAINED].map((name): [string, Tensor] => [`${slot}/${name}`, zero(initialModel().get(name)!)]),
  );
  return new Map([...parameters, ...uploads]);
}

function initialModel(): Map<string, Tensor> {
  return new Map<string, Tensor>([
    ['0.bias', { dtype: 'float32', shape: [2], data: Float32Array.of(0.5, -0.25) }],
    ['0.weight', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, -2, 3e-5, -4, 0.1, 6) }],
    ['1.mean', { dtype: 'float32', shape: [3], data: Float32Array.of(0.1, 0.2, 0.3) }],
    ['1.steps', { dtype: 'int64', shape: [], data: BigInt64Array.of(7n) }],
  ]);
}

function types(tensors: NamedTensors): unknown[] {
  return [...tensors].map(([name, { dtype, shape, data }]) => [name, dtype, shape, data.length]).sort();
}
