import type { Tensor } from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import type {
  FederatedAlgorithm,
  ServerUpdate,
  ServerUpdateInput,
  ServerUpdateResult,
} from '../algorithms/algorithm.js';
import { fedAdam } from '../algorithms/fed-adam.js';
import { moved, movedBy } from '../algorithms/server-math.js';
import { algorithmSuite } from './algorithm-suite.js';
import { failures } from './testing/failures.js';
import { flawed } from './testing/flawed-algorithm.js';

/** A server update that makes something else of what FedAvg would. */
function updating(spoil: (sound: ServerUpdateResult, input: ServerUpdateInput) => void): Partial<ServerUpdate> {
  return {
    update(input) {
      const sound = { model: moved(input), state: new Map(input.state) };
      spoil(sound, input);
      return sound;
    },
  };
}

const scalar = (value: number): Tensor => ({ dtype: 'float32', shape: [2], data: Float32Array.of(value, value) });

describe('the suite of algorithms finds', () => {
  test('nothing in a sound one', async () => {
    expect(await failures(algorithmSuite(() => flawed({})))).toBe('');
  });

  test.each<[string, () => FederatedAlgorithm, RegExp]>([
    [
      'a model that is changed in place',
      () =>
        flawed(
          {},
          {
            update: (input) => {
              const model = moved(input);
              for (const [name, { data }] of input.model) data.set((model.get(name) as Tensor).data as never);
              return { model: new Map(input.model), state: new Map() };
            },
          },
        ),
      /^changes none.*after `update`, its input\.model\["0\.bias"\]\.data\[0\] is/m,
    ],
    [
      'a model that `initialize` changes',
      () =>
        flawed(
          {},
          {
            initialize: (model) => {
              for (const { data } of model.values()) if (data instanceof Float32Array) data.fill(0);
              return new Map();
            },
          },
        ),
      /^changes none.*after `initialize`, its input\.model\["0\.bias"\]\.data\[0\] is 0; it must be 0\.5/m,
    ],
    [
      'a model that moves though nobody moved',
      () =>
        flawed(
          {},
          updating(({ model }, { model: before }) => {
            const bias = before.get('0.bias')?.data as Float32Array;
            model.set('0.bias', { dtype: 'float32', shape: [2], data: bias.map((value) => value * 0.9) });
          }),
        ),
      /^stands still.*the model when no client moved: \["0\.bias"\]\.data\[0\] is 0\.4\d+; it must be 0\.5/m,
    ],
    [
      'a run that shows in the next',
      () => {
        let velocity = 1;
        return flawed(
          {},
          updating(({ model }) => model.set('0.bias', scalar(velocity++))),
        );
      },
      /^keeps nothing between calls.*in a second run: version\[1\]\.model\["0\.bias"\]\.data\[0\] is 4; it must be 1/m,
    ],
    [
      'memory that the next call uses again',
      () => {
        const common = new Float32Array(2);
        return flawed(
          {},
          updating(({ model }) => {
            common.set((model.get('0.bias') as Tensor).data as Float32Array);
            model.set('0.bias', { dtype: 'float32', shape: [2], data: common });
          }),
        );
      },
      /^gives memory.*after it was called again: \.after\.model\["0\.bias"\]\.data\[0\] is/m,
    ],
    [
      'room whose content shows',
      () =>
        flawed(
          {},
          updating(({ model }, { room }) => {
            const left = room?.get('1.mean');
            if (left !== undefined) model.set('0.bias', scalar(left.data.length));
          }),
        ),
      /^makes the same where it is given room.*what it made with room: \.model\["0\.bias"\]\.data\[0\] is 3/m,
    ],
    [
      'chance of its own',
      () =>
        flawed(
          {},
          updating(({ model }) => model.set('0.bias', scalar(Math.random()))),
        ),
      /^is deterministic.*version\[1\]\.model\["0\.bias"\]\.data\[0\] is/m,
    ],
    [
      'a buffer that a server learning rate scales',
      () =>
        flawed(
          {},
          updating(({ model }, input) => {
            const [mean, delta] = [input.model.get('1.mean'), input.aggregate.get('1.mean')];
            if (mean !== undefined) model.set('1.mean', movedBy(mean, delta?.data as Float64Array, 0.5));
          }),
        ),
      /^moves the trained.*buffer "1\.mean", moved by the mean delta,\.data\[0\] is/m,
    ],
    [
      'parameters that stay while all clients move',
      () =>
        flawed(
          {},
          updating(({ model }, input) => {
            for (const name of input.trained) model.set(name, structuredClone(input.model.get(name) as Tensor));
          }),
        ),
      /^moves the trained.*trained parameter "0\.bias" stays where it was/m,
    ],
    [
      'state that grows',
      () =>
        flawed(
          {},
          updating(({ state }, { round }) => state.set(`velocity${round}/0.bias`, scalar(0))),
        ),
      /^names, shapes and dtypes.*the result of round 0\.state holds \["velocity0\/0\.bias"\]/m,
    ],
    [
      'a model that grows beyond all bounds',
      () =>
        flawed(
          {},
          updating(({ model }, input) => {
            const bias = input.model.get('0.bias')?.data as Float32Array;
            model.set('0.bias', { dtype: 'float32', shape: [2], data: bias.map((value) => value * 100) });
          }),
        ),
      /^stays finite.*before round \d+ tensor "0\.bias" \[0\] is Infinity/m,
    ],
    [
      'state that nothing names',
      () => flawed({}, { initialize: () => new Map([['velocity', scalar(0)]]) }),
      /^its tensors are named.*state tensor "velocity" is not named slot\/parameter/m,
    ],
    [
      'weights that are no numbers',
      () => flawed({ weight: ({ loss }) => loss as number }),
      /^weighs updates.*is undefined/m,
    ],
    [
      'settings that are lost',
      () => ({ ...fedAdam({ serverLearningRate: 0.1 }), with: () => fedAdam({ serverLearningRate: 0.2 }) }),
      /^can be made again.*hyperparameters.*\.serverLearningRate is 0\.2; it must be 0\.1/m,
    ],
    [
      'unknown settings that nobody refuses',
      () => ({ ...fedAdam({ serverLearningRate: 0.1 }), with: () => fedAdam({ serverLearningRate: 0.1 }) }),
      /^can be made again.*noSuchSetting.*succeeds; it must fail with code 'algorithm\.option'/m,
    ],
  ])('%s', async (_flaw, make, said) => {
    expect(await failures(algorithmSuite(make))).toMatch(said);
  });
});
