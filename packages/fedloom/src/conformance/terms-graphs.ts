import {
  type ClientTerms,
  type FinishContext,
  Graph,
  interpret,
  type NamedTensors,
  type Tensor,
  type TermContext,
  type Value,
  zeros,
} from '@fedloom/engine';
import { check } from './suite.js';

/** One trained parameter of a client: as the server sent it, as trained so far, and the algorithm's tensors of it by slot. */
export interface TermInputs {
  readonly name: string;
  readonly global: Tensor;
  readonly parameter: Tensor;
  readonly broadcast: NamedTensors;
  readonly state: NamedTensors;
  readonly scalars: Readonly<Record<string, number>>;
}

/** What the terms make of it: the gradient's addition, where there is one, and what comes after training by slot. */
export interface TermResults {
  readonly gradient: Tensor | undefined;
  readonly upload: NamedTensors;
  readonly state: NamedTensors;
}

const STEPS = 4;

/**
 * Builds the graphs of some terms for one parameter and computes them.
 * @throws FedloomError `conformance.broken` where they ask for what they did not declare, or give what is no tensor for it
 */
export function termResults(terms: ClientTerms, inputs: TermInputs): TermResults {
  const run = (build: (g: Graph, context: FinishContext) => ReadonlyMap<string, Value>) => {
    const g = new Graph();
    const asked = new Inputs(g, terms, inputs);
    for (const [name, value] of build(g, asked.context())) {
      checkType(value, inputs, name);
      g.output(name, value);
    }
    return interpret(g, asked.feeds);
  };
  const { gradientTerm, finish } = terms;
  const gradient =
    gradientTerm &&
    run((g, context) => new Map([['gradientTerm', gradientTerm.call(terms, g, withoutSteps(context))]])).get(
      'gradientTerm',
    );
  if (finish === undefined) return { gradient, upload: new Map(), state: new Map() };
  const made = run((g, context) => {
    const result = finish.call(terms, g, context);
    return new Map(
      (['upload', 'state'] as const).flatMap((kind) => {
        checkSlots(Object.keys(result[kind]), terms[kind], kind);
        return terms[kind].map((slot): [string, Value] => [`${kind}/${slot}`, result[kind][slot] as Value]);
      }),
    );
  });
  const of = (kind: 'upload' | 'state') =>
    new Map(terms[kind].map((slot): [string, Tensor] => [slot, made.get(`${kind}/${slot}`) as Tensor]));
  return { gradient, upload: of('upload'), state: of('state') };
}

/** A graph's inputs, which come into being when terms ask for them. */
class Inputs {
  readonly feeds = new Map<string, Tensor>();
  readonly #values = new Map<string, Value>();

  constructor(
    private readonly g: Graph,
    private readonly terms: ClientTerms,
    private readonly inputs: TermInputs,
  ) {}

  context(): FinishContext {
    const { name, global, parameter, broadcast, state, scalars } = this.inputs;
    const scalar = (scalarName: string) => {
      const value = scalars[scalarName];
      check(value !== undefined, `its terms ask for the scalar "${scalarName}", which terms.scalars does not name`);
      return this.#input(`scalar/${scalarName}`, scalarTensor(value ?? 0));
    };
    const slot = (kind: 'broadcast' | 'state', tensors: NamedTensors) => (slotName: string) => {
      const known = this.terms[kind].includes(slotName);
      check(known, `its terms ask for the slot "${slotName}", which terms.${kind} does not name`);
      const tensor = tensors.get(slotName) ?? zeros('float32', global.shape);
      return this.#input(`${kind}/${slotName}`, tensor);
    };
    const input = (key: string, tensor: Tensor) => this.#input(key, tensor);
    return {
      name,
      broadcast: slot('broadcast', broadcast),
      state: slot('state', state),
      scalar,
      get global() {
        return input('global', global);
      },
      get parameter() {
        return input('parameter', parameter);
      },
      get stepCount() {
        return input('stepCount', scalarTensor(STEPS));
      },
      get learningRate() {
        return scalar('learningRate');
      },
    };
  }

  #input(key: string, tensor: Tensor): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = this.g.input(key, tensor.dtype, tensor.shape);
    this.feeds.set(key, tensor);
    this.#values.set(key, value);
    return value;
  }
}

/** While a client trains, nobody knows how many steps there will be. */
function withoutSteps(context: FinishContext): TermContext {
  const { name, broadcast, state, scalar } = context;
  return {
    name,
    broadcast,
    state,
    scalar,
    get global() {
      return context.global;
    },
    get parameter() {
      return context.parameter;
    },
  };
}

function checkType(value: Value, { name, global }: TermInputs, what: string): void {
  const [is, should] = [`${value.dtype} [${value.shape.join(', ')}]`, `float32 [${global.shape.join(', ')}]`];
  check(is === should, `${what} of parameter "${name}" is ${is}; it must be ${should}`);
}

function checkSlots(made: readonly string[], declared: readonly string[], kind: 'upload' | 'state'): void {
  for (const slot of declared)
    check(made.includes(slot), `finish does not return the slot "${slot}", which terms.${kind} names`);
  for (const slot of made)
    check(declared.includes(slot), `finish returns the slot "${slot}", which terms.${kind} does not name`);
}

function scalarTensor(value: number): Tensor {
  return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
}
