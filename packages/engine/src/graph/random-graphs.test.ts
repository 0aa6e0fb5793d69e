import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runGraph } from '../onnx/testing/run-onnx.js';
import { interpret } from '../reference/interpret.js';
import type { Tensor } from '../tensor.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { expectClose, randomTensor, seededRandom } from './testing/check-case.js';
import { built, EXTENTS, INPUTS, type Instruction, OPERATIONS, randomProgram } from './testing/random-graph.js';
import type { Value } from './value.js';

const STEP = 1e-5;
/** Elements of the inputs that are moved, of each graph. */
const MOVED = 6;
const TIME_MS = 5_000;

interface Trial {
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, Tensor>;
}

/** A program's last value, times random numbers, and its gradients by all inputs. */
function trialOf(program: readonly Instruction[], seed: number): Trial {
  const graph = new Graph();
  const random = seededRandom(seed);
  const feeds = new Map<string, Tensor>();
  const inputs = new Map<string, Value>();
  for (const [name, shape] of Object.entries(INPUTS)) {
    inputs.set(name, graph.input(name, 'float32', shape));
    const extents = shape.map((extent) => (typeof extent === 'number' ? extent : (EXTENTS[extent] ?? 1)));
    feeds.set(name, randomTensor('float32', extents, random));
  }
  const last = built(graph, program, inputs);
  // Different for each element: a sum alone would not see gradients that are exchanged.
  const weights = graph.add(graph.tanh(graph.mul(last, 0.7)), graph.mul(last, 0.4));
  const total = graph.sum(
    graph.mul(weights, last),
    last.shape.map((_, axis) => axis),
  );
  graph.output('total', total);
  const found = gradients(total, [...inputs.values()]);
  for (const [at, name] of [...inputs.keys()].entries()) {
    const gradient = found[at];
    if (gradient !== undefined) graph.output(`d.${name}`, gradient);
  }
  return { graph, feeds };
}

function totalOf({ graph, feeds }: Trial, name: string, place: number, by: number): number {
  const tensor = feeds.get(name);
  const data = Float64Array.from((tensor?.data ?? []) as Float32Array);
  data[place] = (data[place] ?? 0) + by;
  const moved: Tensor = { dtype: 'float64', shape: tensor?.shape ?? [], data };
  return Number(interpret(graph, new Map(feeds).set(name, moved)).get('total')?.data[0]);
}

test('gradients of random graphs agree with finite differences', () => {
  fc.assert(
    fc.property(randomProgram, fc.nat(1000), (program, seed) => {
      const trial = trialOf(program, seed);
      const results = interpret(trial.graph, trial.feeds);
      const here = Number(results.get('total')?.data[0]);
      const random = seededRandom(seed + 1);
      const names = Object.keys(INPUTS);
      for (let count = 0; count < MOVED; count += 1) {
        const name = names[Math.floor(random() * names.length)] ?? 'row';
        const gradient = results.get(`d.${name}`);
        const place = Math.floor(random() * (gradient?.data.length ?? 1));
        const [up, down] = [totalOf(trial, name, place, STEP), totalOf(trial, name, place, -STEP)];
        const slope = (up - down) / (2 * STEP);
        const scale = Math.max(1, Math.abs(slope), Math.abs(here));
        // Where the slopes to either side differ there is an edge, as of a relu: no difference says what its gradient is.
        if (Math.abs(up - 2 * here + down) / STEP > 1e-3 * scale) continue;
        const given = Number(gradient?.data[place]);
        if (!(Math.abs(given - slope) <= 2e-5 * scale)) {
          throw new Error(`the gradient by ${name}[${place}] is ${given}; differences say ${slope}`);
        }
      }
    }),
    { numRuns: 250, interruptAfterTimeLimit: TIME_MS },
  );
});

test('random graphs and their gradients are the same on ONNX Runtime', async () => {
  await fc.assert(
    fc.asyncProperty(randomProgram, fc.nat(1000), async (program, seed) => {
      const { graph, feeds } = trialOf(program, seed);
      expectClose(await runGraph(graph, feeds), interpret(graph, feeds), 1e-4);
    }),
    { numRuns: 60, interruptAfterTimeLimit: TIME_MS },
  );
});

test('each operation of them takes some values', () => {
  for (const name of Object.keys(OPERATIONS)) {
    const made = Object.keys(INPUTS).filter((_, first) => {
      const graph = new Graph();
      const inputs = new Map(
        Object.entries(INPUTS).map(([input, shape]) => [input, graph.input(input, 'float32', shape)]),
      );
      return ![...inputs.values()].includes(built(graph, [{ name, first, second: 0, number: 0 }], inputs));
    });
    expect(made, name).not.toEqual([]);
  }
});
