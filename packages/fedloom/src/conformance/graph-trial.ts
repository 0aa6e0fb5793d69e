import { type DType, Graph, gradients, interpret, type LayerContext, type Tensor, type Value } from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
import { check } from './suite.js';

/** Far enough for float64 to tell a difference, and near enough for it to be a slope. */
const STEP = 1e-5;
/** Elements of each input whose gradient is checked. */
const CHECKED_MAX = 12;
const TOLERANCE = 1e-4;

/** What a part of a graph makes of inputs that this gives it, in float64. */
export class GraphTrial {
  readonly g = new Graph();
  readonly feeds = new Map<string, Tensor>();
  readonly values = new Map<string, Value>();

  constructor(private readonly random = RandomStream.of(5, 'graph-conformance')) {}

  /** An input of random numbers, or of those that are given. A float's are between -1.5 and 1.5. */
  input(name: string, dtype: DType, shape: readonly number[], numbers?: readonly number[]): Value {
    const length = shape.reduce((product, extent) => product * extent, 1);
    const given = numbers ?? Array.from({ length }, () => 3 * this.random.next() - 1.5);
    const tensor: Tensor =
      dtype === 'float32'
        ? { dtype: 'float64', shape, data: Float64Array.from(given) }
        : { dtype: 'int32', shape, data: Int32Array.from(given) };
    const value = this.g.input(name, dtype, shape);
    this.feeds.set(name, tensor);
    this.values.set(name, value);
    return value;
  }

  /** Numbers from 0 to below a bound. */
  integers(count: number, below: number): number[] {
    return Array.from({ length: count }, () => Math.floor(this.random.next() * below));
  }

  /** What a layer is told in evaluation: nothing is drawn, and no step is counted. */
  evaluation(valid: readonly number[]): LayerContext {
    const absent = (method: string) => () => {
      check(false, `in evaluation it asks for ${method}(), where nothing is drawn and no step is counted`);
      return this.#once('valid', [valid.length], valid);
    };
    const valued = () => this.#once('valid', [valid.length], valid);
    return { training: false, valid: valued, uniform: absent('uniform'), step: absent('step') };
  }

  /** What a layer is told in training: these rows hold a sample. */
  context(valid: readonly number[]): LayerContext {
    let drawn = 0;
    return {
      training: true,
      valid: () => this.#once('valid', [valid.length], valid),
      uniform: (shape) => {
        const extents = [valid.length, ...shape];
        const length = extents.reduce((product, extent) => product * extent, 1);
        return this.input(
          `uniform${drawn++}`,
          'float32',
          extents,
          Array.from({ length }, () => this.random.next()),
        );
      },
      step: () => this.#once('step', [], [3]),
    };
  }

  #once(name: string, shape: readonly number[], numbers: readonly number[]): Value {
    return this.values.get(name) ?? this.input(name, 'float32', shape, numbers);
  }

  /** The elements of some values, by name. */
  run(outputs: ReadonlyMap<string, Value>, feeds: ReadonlyMap<string, Tensor> = this.feeds) {
    for (const [name, value] of outputs) if (!this.g.outputs.has(name)) this.g.output(name, value);
    return interpret(this.g, feeds);
  }

  /**
   * Gradients of the sum of `output`, each element times a number of its own, against central differences.
   * @param wrt names of float inputs
   */
  checkGradients(output: Value, wrt: readonly string[]): void {
    const count = output.shape.reduce<number>((product, extent) => product * Number(extent), 1);
    const weights = this.input('weights of the output', 'float32', output.shape.map(Number), spread(count));
    const weighted = this.g.mul(output, weights);
    const total = this.g.sum(
      weighted,
      weighted.shape.map((_, axis) => axis),
    );
    const found = gradients(
      total,
      wrt.map((name) => this.values.get(name) as Value),
    );
    const results = this.run(new Map([['total', total], ...found.map((value, at) => [`d${at}`, value] as const)]));
    for (const [at, name] of wrt.entries()) {
      const given = Array.from(results.get(`d${at}`)?.data ?? [], Number);
      const scale = Math.max(1e-3, ...given.map(Math.abs));
      for (const place of placesOf(given.length)) {
        const slope = (this.#moved(name, place, STEP) - this.#moved(name, place, -STEP)) / (2 * STEP);
        const isNear = Math.abs(slope - (given[place] ?? Number.NaN)) <= TOLERANCE * scale;
        check(isNear, `the gradient by ${name}[${place}] is ${given[place]}; differences of its result say ${slope}`);
      }
    }
  }

  #moved(name: string, place: number, by: number): number {
    const tensor = this.feeds.get(name) as Tensor;
    const data = Float64Array.from(tensor.data as Float64Array);
    data[place] = (data[place] ?? 0) + by;
    const total = this.run(new Map(), new Map([...this.feeds, [name, { ...tensor, data }]])).get('total');
    return Number(total?.data[0]);
  }
}

/** Different for each element, of either sign. */
function spread(count: number): number[] {
  return Array.from({ length: count }, (_, at) => Math.sin(1 + 1.7 * at));
}

function placesOf(length: number): number[] {
  const count = Math.min(length, CHECKED_MAX);
  return Array.from({ length: count }, (_, at) => Math.floor((at * length) / count));
}

/** Equal up to what float64 loses. */
export function checkNear(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  what: string,
): void {
  const scale = Math.max(1e-6, ...Array.from(expected, (value) => Math.abs(Number(value))));
  const at = Array.from(expected).findIndex((value, place) => {
    const difference = Math.abs(Number(value) - Number(actual[place]));
    return !(difference <= 1e-9 * scale) && !(Number.isNaN(Number(value)) && Number.isNaN(Number(actual[place])));
  });
  check(at < 0, `${what}[${at}] is ${actual[at]}; it must be ${expected[at]}`);
}
