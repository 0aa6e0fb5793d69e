import type { ClientTerms, NamedTensors, Tensor } from '@fedloom/engine';
import type { FederatedAlgorithm, Scalars } from '../algorithms/algorithm.js';
import { initialModel, initialState, trainedNames } from './algorithm-inputs.js';
import { checkSame } from './same.js';
import { check } from './suite.js';
import { type TermResults, termResults } from './terms-graphs.js';

type Cases = Readonly<Record<string, (make: () => FederatedAlgorithm) => void | Promise<void>>>;

const ROUNDS = 50;
const LEARNING_RATE = 0.1;
/** Of a model with eight layers. */
/** One of the layers has running statistics too. */
const parameterNames = Array.from({ length: 8 }, (_, layer) => {
  const trained = [`${2 * layer}.weight`, `${2 * layer}.bias`];
  return layer === 1 ? [...trained, '2.running_mean', '2.running_var'] : trained;
}).flat();

/** What an algorithm must do on its clients, as far as it does anything there. */
export function clientCases({ client }: FederatedAlgorithm): Cases {
  return {
    ...(client?.terms === undefined ? {} : termsCases),
    ...(client?.scalars === undefined ? {} : scalarsCases),
    ...(client?.privateParameters === undefined ? {} : privateCases),
  };
}

const termsCases: Cases = {
  "its terms give finite tensors of each trained parameter's shape, and every slot that they name"(make) {
    const algorithm = make();
    for (const [training, results] of trainings(algorithm, 3).entries()) {
      for (const [name, { gradient, upload, state }] of results) {
        const made = [...(gradient ? [['gradientTerm', gradient] as const] : []), ...upload, ...state];
        for (const [what, tensor] of made)
          checkFinite(tensor, `${what} of parameter "${name}" in training ${training}`);
      }
    }
  },

  'its terms are the same each time they are built'(make) {
    const algorithm = make();
    const first = trainings(algorithm, 3);
    checkSame(trainings(algorithm, 3), first, 'what the terms of the same instance make again: training');
    checkSame(trainings(make(), 3), first, 'what the terms of another instance make: training');
  },

  'its server state holds what its terms have the server send'(make) {
    const algorithm = make();
    const state = initialState(algorithm);
    for (const slot of algorithm.client?.terms?.broadcast ?? []) {
      for (const name of trainedNames)
        check(state.has(`${slot}/${name}`), `terms.broadcast names "${slot}", but the state lacks "${slot}/${name}"`);
    }
  },

  'the scalars of its terms are finite'(make) {
    checkFiniteScalars(make().client?.terms?.scalars ?? {}, 'terms.scalars');
  },
};

const scalarsCases: Cases = {
  'its scalars are finite in every round, of names that its terms or its weight know'(make) {
    const algorithm = make();
    const known = new Set(['learningRate', ...Object.keys(algorithm.client?.terms?.scalars ?? {})]);
    for (const [round, scalars] of scalarsOf(algorithm).entries()) {
      checkFiniteScalars(scalars, `client.scalars(${round})`);
      // A weight sees them all.
      if (algorithm.weight !== undefined) continue;
      for (const name of Object.keys(scalars))
        check(
          known.has(name),
          `client.scalars(${round}) gives "${name}", which terms.scalars does not name: nobody reads it`,
        );
    }
  },

  'its scalars follow from the round and the state alone'(make) {
    const algorithm = make();
    const first = scalarsOf(algorithm);
    checkSame(scalarsOf(algorithm, true).reverse(), first, 'client.scalars, asked again in another order: round');
    checkSame(scalarsOf(make()), first, 'client.scalars of another instance: round');
    const state = initialState(algorithm);
    algorithm.client?.scalars?.(0, state);
    checkSame(state, initialState(algorithm), 'after client.scalars, the state that it was given');
  },
};

const privateCases: Cases = {
  'its private parameters are some of those it is given, each once'(make) {
    const chosen = privateOf(make());
    for (const name of chosen)
      check(
        parameterNames.includes(name),
        `privateParameters chooses "${name}", which is not among the names that it is given`,
      );
    check(new Set(chosen).size === chosen.length, `privateParameters chooses a name twice: ${chosen.join(', ')}`);
  },

  'its private parameters are the same each time, and the names stay as they were'(make) {
    const algorithm = make();
    const first = privateOf(algorithm);
    checkSame(privateOf(algorithm), first, 'what privateParameters chooses again');
    checkSame(privateOf(make()), first, 'what privateParameters of another instance chooses');
    const names = [...parameterNames];
    algorithm.client?.privateParameters?.(names);
    checkSame(names, parameterNames, 'after privateParameters, the names that it was given');
  },

  'keeps parameters private without terms, which are for all of them'(make) {
    check(make().client?.terms === undefined, 'client.terms and client.privateParameters are both there');
  },
};

/** What the terms make of each trained parameter of one client, in trainings that follow each other. */
function trainings(algorithm: FederatedAlgorithm, count: number): readonly ReadonlyMap<string, TermResults>[] {
  const terms = algorithm.client?.terms as ClientTerms;
  const [model, server] = [initialModel(), initialState(algorithm)];
  let kept = new Map<string, NamedTensors>();
  return Array.from({ length: count }, (_, training) => {
    const results = new Map(
      [...trainedNames].map((name): [string, TermResults] => {
        const global = model.get(name) as Tensor;
        const result = termResults(terms, {
          name,
          global,
          parameter: trained(global, training),
          broadcast: slotsOf(server, name),
          state: kept.get(name) ?? new Map(),
          scalars: {
            learningRate: LEARNING_RATE,
            ...terms.scalars,
            ...algorithm.client?.scalars?.(training, server),
          },
        });
        return [name, result];
      }),
    );
    kept = new Map([...results].map(([name, { state }]) => [name, asFloats(state)]));
    return results;
  });
}

/** A parameter after some training. */
function trained({ shape, data }: Tensor, training: number): Tensor {
  const moved = Float32Array.from(data as Float32Array, (value, i) => value + 0.01 * Math.cos(5 * i + training));
  return { dtype: 'float32', shape, data: moved };
}

/** The tensors of one parameter, by slot. */
function slotsOf(state: NamedTensors, parameter: string): NamedTensors {
  const own = [...state].filter(([name]) => name.slice(name.indexOf('/') + 1) === parameter);
  return new Map(own.map(([name, tensor]) => [name.slice(0, name.indexOf('/')), tensor]));
}

/** The reference computes in float64; clients keep float32. */
function asFloats(tensors: NamedTensors): NamedTensors {
  const floats = [...tensors].map(([name, { shape, data }]): [string, Tensor] => [
    name,
    { dtype: 'float32', shape, data: Float32Array.from(data as Float64Array) },
  ]);
  return new Map(floats);
}

/** Of every round, on the state that the run begins with. */
function scalarsOf(algorithm: FederatedAlgorithm, backwards = false): Scalars[] {
  const state = initialState(algorithm);
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  if (backwards) rounds.reverse();
  return rounds.map((round) => ({ ...algorithm.client?.scalars?.(round, state) }));
}

function privateOf(algorithm: FederatedAlgorithm): readonly string[] {
  return algorithm.client?.privateParameters?.([...parameterNames]) ?? [];
}

function checkFinite({ data }: Tensor, what: string): void {
  const values = Array.from(data, Number);
  const at = values.findIndex((value) => !Number.isFinite(value));
  check(at < 0, `${what} holds ${values[at]} at [${at}]`);
}

function checkFiniteScalars(scalars: Scalars, what: string): void {
  for (const [name, value] of Object.entries(scalars))
    check(Number.isFinite(value), `${what} gives ${name} ${value}; it must be a finite number`);
}
