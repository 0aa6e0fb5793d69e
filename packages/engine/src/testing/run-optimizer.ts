import { Graph } from '../graph/graph.js';
import type { Optimizer } from '../layers/types.js';
import { interpret } from '../reference/interpret.js';
import type { Tensor } from '../tensor.js';

type Vectors = Readonly<Record<string, readonly number[]>>;

/** Steps with these gradients, through the optimiser's own graph in float64: the parameters after the last. */
export function runOptimizer(optimizer: Optimizer, start: Vectors, gradients: readonly Vectors[]): Vectors {
  const names = Object.keys(start).sort();
  const key = (kind: string, name: string) => `${kind}/${name}`;
  let values = new Map(names.map((name) => [key('parameter', name), [...(start[name] ?? [])]]));
  for (const slot of optimizer.slots)
    for (const name of names)
      values.set(
        key(slot, name),
        (start[name] ?? []).map(() => 0),
      );
  for (const [step, gradient] of gradients.entries()) {
    const g = new Graph();
    const inputs = (kind: string) =>
      new Map(names.map((name) => [name, g.input(key(kind, name), 'float32', [start[name]?.length ?? 0])]));
    const result = optimizer.update(g, {
      parameters: inputs('parameter'),
      gradients: inputs('gradient'),
      slots: new Map(optimizer.slots.map((slot) => [slot, inputs(slot)])),
      learningRate: g.constant(optimizer.learningRate, 'float32'),
      step: () => g.constant(step, 'float32'),
    });
    for (const [name, value] of result.parameters) g.output(`new/${key('parameter', name)}`, value);
    for (const [slot, each] of result.slots)
      for (const [name, value] of each) g.output(`new/${key(slot, name)}`, value);
    for (const name of names) values.set(key('gradient', name), [...(gradient[name] ?? [])]);
    const feeds = new Map([...values].map(([name, list]): [string, Tensor] => [name, vector(list)]));
    const results = interpret(g, feeds);
    values = new Map([...results].map(([name, { data }]) => [name.replace(/^new\//, ''), Array.from(data, Number)]));
  }
  return Object.fromEntries(names.map((name) => [name, values.get(key('parameter', name)) ?? []]));
}

function vector(list: readonly number[]): Tensor {
  return { dtype: 'float64', shape: [list.length], data: Float64Array.from(list) };
}
