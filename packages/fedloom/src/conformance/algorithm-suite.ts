import type { NamedTensors, Tensor } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import { movedBy } from '../algorithms/server-math.js';
import { clientCases } from './algorithm-client-cases.js';
import { initialModel, initialState, inputOf, playRounds, stillAggregate, trainedNames } from './algorithm-inputs.js';
import { checkSame, firstDifference } from './same.js';
import { type ConformanceCase, check, checkRefused } from './suite.js';

/**
 * What every federated algorithm must do, whatever it computes: on the server, with its settings, and in what its clients
 * gain of it (terms, scalars, private parameters). What the terms compute depends on its paper: hold that against a naive
 * version of your own.
 * @param make the same algorithm each time, anew
 * @example for (const { name, run } of algorithmSuite(() => myAlgorithm({ beta: 0.9 }))) test(name, run);
 */
export function algorithmSuite(make: () => FederatedAlgorithm): readonly ConformanceCase[] {
  const algorithm = make();
  const { weight, with: changed } = algorithm;
  const chosen = {
    ...cases,
    ...clientCases(algorithm),
    ...(weight === undefined ? {} : weightCases),
    ...(changed === undefined ? {} : settingsCases),
  };
  return Object.entries(chosen).map(([name, run]) => ({ name, run: async () => run(make) }));
}

type Cases = Readonly<Record<string, (make: () => FederatedAlgorithm) => void | Promise<void>>>;

const cases: Cases = {
  'names, shapes and dtypes stay as they were'(make) {
    const [start, ...rounds] = playRounds(make(), 3);
    for (const [round, { model, state }] of rounds.entries()) {
      const before = { model: typesOf(start?.model), state: typesOf(start?.state) };
      checkSame({ model: typesOf(model), state: typesOf(state) }, before, `the result of round ${round}`);
    }
  },

  'is deterministic to the bit'(make) {
    checkSame(playRounds(make(), 3), playRounds(make(), 3), 'what another instance makes: version');
  },

  'keeps nothing between calls: one value serves two runs'(make) {
    const algorithm = make();
    const first = playRounds(algorithm, 3);
    checkSame(playRounds(algorithm, 3), first, 'what the same instance makes in a second run: version');
  },

  'changes none of the tensors it is given'(make) {
    const algorithm = make();
    const [model, trained] = [initialModel(), new Set(trainedNames)];
    const state = algorithm.server.initialize(model, trained);
    checkSame({ model, trained }, { model: initialModel(), trained: trainedNames }, 'after `initialize`, its input');
    const input = inputOf(algorithm, { model, state });
    const before = structuredClone(input);
    algorithm.server.update(input);
    checkSame(input, before, 'after `update`, its input');
  },

  'makes the same where it is given room, whatever that holds'(make) {
    const algorithm = make();
    const input = inputOf(algorithm, { model: initialModel(), state: initialState(algorithm) });
    const room = new Map([...initialModel()].map(([name, tensor]) => [name, withAnything(tensor)]));
    const expected = structuredClone(algorithm.server.update(input));
    checkSame(algorithm.server.update({ ...input, room }), expected, 'what it made with room: ');
  },

  'gives memory that no later call writes to'(make) {
    const algorithm = make();
    const start = () => ({ model: initialModel(), state: initialState(algorithm) });
    const before = start();
    const after = algorithm.server.update(inputOf(algorithm, before, 0));
    const [given, kept] = [{ before, after }, structuredClone({ before, after })];
    algorithm.server.update(inputOf(algorithm, start(), 1));
    checkSame(given, kept, 'what it made, after it was called again: ');
  },

  'stays finite over many rounds'(make) {
    for (const [round, { model, state }] of playRounds(make(), 50).entries()) {
      for (const [name, { data }] of [...model, ...state]) {
        const values = Array.from(data, Number);
        const at = values.findIndex((value) => !Number.isFinite(value));
        check(at < 0, `before round ${round} tensor "${name}" [${at}] is ${values[at]}`);
      }
    }
  },

  'moves the trained parameters and only averages the buffers'(make) {
    const algorithm = make();
    const model = initialModel();
    const input = inputOf(algorithm, { model, state: initialState(algorithm) });
    const next = algorithm.server.update(input).model;
    for (const [name, tensor] of model) {
      const change = input.aggregate.get(name);
      if (trainedNames.has(name)) {
        const moves = firstDifference(next.get(name), tensor, '') !== undefined;
        check(moves, `trained parameter "${name}" stays where it was while all clients moved`);
      } else if (change?.data instanceof Float64Array) {
        checkSame(next.get(name), movedBy(tensor, change.data), `buffer "${name}", moved by the mean delta,`);
      } else {
        checkSame(next.get(name), change, `buffer "${name}" of integers, as averaged,`);
      }
    }
  },

  'stands still when no client moves'(make) {
    const algorithm = make();
    const standing = { model: initialModel(), state: initialState(algorithm) };
    const still = { ...inputOf(algorithm, standing), aggregate: stillAggregate(algorithm) };
    checkSame(algorithm.server.update(still).model, initialModel(), 'the model when no client moved: ');
  },

  'its tensors are named slot/parameter, and those that travel are of the dtype of the parameter'(make) {
    const algorithm = make();
    const [model, broadcast] = [initialModel(), algorithm.client?.terms?.broadcast ?? []];
    for (const [name, { shape, dtype }] of initialState(algorithm)) {
      const [slot = '', parameter = ''] = name.split('/');
      const like = model.get(parameter);
      if (!trainedNames.has(parameter) || like === undefined) {
        check(false, `state tensor "${name}" is not named slot/parameter, of a trained parameter`);
      } else {
        checkSame(shape, like.shape, `the shape of state tensor "${name}"`);
        if (broadcast.includes(slot))
          checkSame(dtype, like.dtype, `the dtype of state tensor "${name}", which travels,`);
      }
    }
  },
};

const weightCases: Cases = {
  'weighs updates by finite numbers of at least 0, the same each time'(make) {
    const algorithm = make();
    const { clients } = inputOf(algorithm, { model: initialModel(), state: initialState(algorithm) });
    for (const { facts, scalars } of clients) {
      const [weight, again] = [algorithm, make()].map((one) => one.weight?.(facts, scalars));
      check(Number.isFinite(weight) && Number(weight) >= 0, `the weight of an update is ${weight}`);
      checkSame(again, weight, 'the weight of the same update');
    }
  },
};

const settingsCases: Cases = {
  'can be made again with its own settings, and refuses unknown ones'(make) {
    const algorithm = make();
    const again = algorithm.with?.(algorithm.hyperparameters ?? {}) ?? algorithm;
    checkSame(again.hyperparameters, algorithm.hyperparameters, 'hyperparameters, made again from their own values,');
    checkSame(playRounds(again, 2), playRounds(algorithm, 2), 'what the algorithm made again makes: version');
    return checkRefused(
      () => algorithm.with?.({ noSuchSetting: 1 }),
      'algorithm.option',
      'the setting noSuchSetting, given to `with`,',
    );
  },
};

function typesOf(tensors: NamedTensors | undefined): unknown {
  const types = [...(tensors ?? [])].map(([name, { dtype, shape, data }]): [string, unknown] => [
    name,
    { dtype, shape, length: data.length },
  ]);
  return new Map(types);
}

/** Of the same dtype and shape, in memory of its own. */
function withAnything(tensor: Tensor): Tensor {
  const { data } = tensor;
  return {
    ...tensor,
    data: data instanceof BigInt64Array ? data.map(() => -1n) : data.map((_, i) => i + 1e3),
  } as Tensor;
}
