import { describe, expect, test } from 'vitest';
import { toOnnx } from '../../onnx/serialize.js';
import { runGraph } from '../../onnx/testing/run-onnx.js';
import { readGraph } from '../../plan/check-onnx.js';
import { graphMemory } from '../../plan/graph-memory.js';
import { interpret } from '../../reference/interpret.js';
import { allocate, type DType, elementCount, type Tensor } from '../../tensor.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import type { Value } from '../value.js';
import { type Dim, isFloat } from '../value-type.js';

export interface CaseInput {
  readonly shape: readonly Dim[];
  /** Default float32. */
  readonly dtype?: DType;
  /** An element from a random number in [0, 1); default: between -1.5 and 1.5. */
  readonly element?: (random: number) => number;
}

/** One use of the builder, on random values. */
export interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, CaseInput>>;
  readonly build: (g: Graph, values: Readonly<Record<string, Value>>) => Value;
  /** What the symbols stand for. */
  readonly extents?: Readonly<Record<string, number>>;
  /** False: only the values are checked. */
  readonly differentiable?: boolean;
}

/**
 * Two tests a case: the gradients, interpreted in float64, against central finite differences; values and gradients on
 * ONNX Runtime against the interpreter.
 */
export function checkCases(title: string, cases: readonly Case[]): void {
  describe(title, () => {
    for (const each of cases) {
      if (each.differentiable !== false) {
        test(`${each.name}: gradients agree with finite differences`, () => checkGradients(each));
      }
      test(`${each.name}: ONNX Runtime agrees with the interpreter`, async () => {
        await checkOnnxRuntime(each);
      });
    }
  });
}

/** mulberry32: a small seeded generator, so that failures repeat. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomTensor(
  dtype: DType,
  shape: readonly number[],
  random: () => number,
  element: (random: number) => number = (x) => x * 3 - 1.5,
): Tensor {
  const data = allocate(dtype, elementCount(shape));
  for (let index = 0; index < data.length; index++) {
    const value = element(random());
    if (data instanceof BigInt64Array) data[index] = BigInt(Math.round(value));
    else data[index] = value;
  }
  return { dtype, shape, data };
}

interface Built {
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly wrt: readonly string[];
}

/** Outputs: `value`, and with gradients `d.<input>` for the seed input `seed`. */
function build({ inputs, build: make, extents = {}, differentiable = true }: Case): Built {
  const graph = new Graph();
  const random = seededRandom(7);
  const concrete = (shape: readonly Dim[]) => shape.map((dim) => (typeof dim === 'number' ? dim : extents[dim]!));
  const values: Record<string, Value> = {};
  const feeds = new Map<string, Tensor>();
  for (const [name, { shape, dtype = 'float32', element }] of Object.entries(inputs)) {
    values[name] = graph.input(name, dtype, shape);
    feeds.set(name, randomTensor(dtype, concrete(shape), random, element));
  }
  const value = make(graph, values);
  graph.output('value', value);
  const wrt = Object.keys(values).filter((name) => isFloat(values[name]!.dtype));
  if (differentiable) {
    const actual = interpret(graph, feeds).get('value')!.shape;
    const seed = graph.input('seed', value.dtype, value.shape);
    feeds.set('seed', randomTensor('float32', actual, random));
    const found = gradients(
      value,
      wrt.map((name) => values[name]!),
      seed,
    );
    for (const [index, name] of wrt.entries()) graph.output(`d.${name}`, found[index]!);
  }
  return { graph, feeds, wrt };
}

function checkGradients(each: Case): void {
  const { graph, feeds, wrt } = build(each);
  const results = interpret(graph, feeds);
  const seed = feeds.get('seed')!.data as Float32Array;
  const objective = (changed: ReadonlyMap<string, Tensor>): number =>
    (interpret(graph, changed).get('value')!.data as Float64Array).reduce((sum, y, index) => sum + y * seed[index]!, 0);
  const step = 1e-5;
  for (const name of wrt) {
    const { shape, data } = feeds.get(name)!;
    const gradient = results.get(`d.${name}`)!;
    expect(gradient.shape).toEqual(shape);
    for (let index = 0; index < data.length; index++) {
      const moved = (by: number): number => {
        const copy = Float64Array.from(data as Float32Array);
        copy[index] = copy[index]! + by;
        return objective(new Map(feeds).set(name, { dtype: 'float64', shape, data: copy }));
      };
      const expected = (moved(step) - moved(-step)) / (2 * step);
      const actual = gradient.data[index] as number;
      const tolerance = 1e-7 * Math.max(1, Math.abs(expected));
      if (!(Math.abs(actual - expected) <= tolerance)) {
        expect.fail(`gradient by ${name}[${index}] is ${actual}, finite differences say ${expected}`);
      }
    }
  }
}

async function checkOnnxRuntime(each: Case): Promise<void> {
  const { graph, feeds } = build(each);
  const actual = await runGraph(graph, feeds);
  expectClose(actual, interpret(graph, feeds));
  expectForeseen(graph, feeds, actual);
}

/** The shapes that a reader of the file works out before it is loaded are those that come out. */
function expectForeseen(graph: Graph, feeds: ReadonlyMap<string, Tensor>, actual: ReadonlyMap<string, Tensor>): void {
  const file = readGraph('train', toOnnx(graph));
  const extents = file.inputs.flatMap(({ name, shape }) =>
    shape.map((extent, axis): [string, number] => [String(extent), feeds.get(name)?.shape[axis] ?? 0]),
  );
  const { outputs } = graphMemory(file, Object.fromEntries(extents));
  const typesOf = (tensors: ReadonlyMap<string, Pick<Tensor, 'dtype' | 'shape'>>) =>
    [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape })).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(typesOf(outputs)).toEqual(typesOf(actual));
}

/** Integers exactly; floats to 1e-5 of the tensor's largest element. */
export function expectClose(
  actual: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, Tensor>,
  tolerance = 1e-5,
): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { dtype, shape, data }] of expected) {
    const found = actual.get(name)!;
    expect({ name, shape: found.shape }).toEqual({ name, shape });
    const numbers = Array.from(data as Float64Array, Number);
    const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    const allowed = dtype === 'float64' ? tolerance * largest : 0;
    for (const [index, x] of numbers.entries()) {
      const y = Number(found.data[index]);
      if (!(Math.abs(y - x) <= allowed)) expect.fail(`${name}[${index}] is ${y}, but should be ${x}`);
    }
  }
}
