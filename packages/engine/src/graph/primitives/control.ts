import { FedloomError } from '../../errors.js';
import { dense } from '../../reference/dense.js';
import type { DType, Tensor } from '../../tensor.js';
import { formatShape, normalizeAxis, sameShape } from '../shapes.js';
import type { LoopAttributes, Primitive, Value } from '../value.js';
import type { Dim } from '../value-type.js';

/** A named end of a graph or of a loop body: whoever runs the graph gives its value. */
export const input: Primitive<{ readonly name: string; readonly dtype: DType; readonly shape: readonly Dim[] }> = {
  name: 'input',
  inferShape: (_, { dtype, shape }) => [{ dtype, shape }],
  gradient: () => [],
  evaluate(_, { name }) {
    throw new FedloomError('graph.feed', `no value was given for the graph's input '${name}'`, { name });
  },
  lower(_, { name }) {
    throw new Error(`the input '${name}' is lowered with its graph`);
  },
};

export const constant: Primitive<{ readonly tensor: Tensor }> = {
  name: 'constant',
  inferShape: (_, { tensor }) => [{ dtype: tensor.dtype, shape: tensor.shape }],
  gradient: () => [],
  evaluate: (_, { tensor }) => [dense(tensor.shape, Float64Array.from(tensor.data, Number))],
  lower: (_, { tensor }, context) => [context.constant(tensor)],
};

/** An extent of a value, as int64 []. */
export const dim: Primitive<{ readonly axis: number }> = {
  name: 'dim',
  inferShape([x], { axis }, problem) {
    normalizeAxis(axis, x!.shape.length, problem);
    return [{ dtype: 'int64', shape: [] }];
  },
  gradient: () => [undefined],
  evaluate: ([x], { axis }) => [dense([], Float64Array.of(x!.shape.at(axis)!))],
  lower([x], { axis }, { emit, integers, outputs }) {
    const start = axis < 0 ? axis + x!.shape.length : axis;
    const extent = emit('Shape', [x], { start, end: start + 1 }, { dtype: 'int64', shape: [1] });
    return [emit('Squeeze', [extent, integers([0])], {}, outputs[0]!)];
  },
};

export const loop: Primitive<LoopAttributes> = {
  name: 'loop',
  inferShape([count, ...initial], { carried, collected, steps }, problem) {
    if (count!.dtype !== 'int64' || count!.shape.length !== 0)
      throw problem('needs an int64 scalar as its count', 'graph.dtype');
    if (carried.length !== initial.length) {
      throw problem(`carries ${initial.length} values, but its body returns ${carried.length}`);
    }
    for (const [index, value] of carried.entries()) {
      const before = initial[index]!;
      if (value.dtype !== before.dtype || !sameShape(value.shape, before.shape)) {
        const change = `${before.dtype} ${formatShape(before.shape)} into ${value.dtype} ${formatShape(value.shape)}`;
        throw problem(`must keep the type of carried value ${index}, but its body turns ${change}`);
      }
    }
    return [...initial, ...collected.map(({ dtype, shape }) => ({ dtype, shape: [steps, ...shape] }))];
  },
  gradient() {
    throw new FedloomError(
      'graph.gradient',
      'there is no gradient through a loop: use scan(), or take gradients inside its body, of values made there',
    );
  },
  evaluate([count, ...initial], { body, step, inputs, carried, collected }, { runBody }) {
    const steps = count!.data[0]!;
    let state: readonly ReturnType<typeof dense>[] = initial;
    const rows: (readonly ReturnType<typeof dense>[])[] = [];
    for (let index = 0; index < steps; index++) {
      const feeds = new Map([[step, dense([], Float64Array.of(index))]]);
      for (const [position, value] of inputs.entries()) feeds.set(value, state[position]!);
      const results = runBody(body, feeds, [...carried, ...collected]);
      state = results.slice(0, carried.length);
      rows.push(results.slice(carried.length));
    }
    const stacked = collected.map((value, index) => {
      const inner = rows[0]?.[index]?.shape ?? value.shape.map((extent) => (typeof extent === 'number' ? extent : 0));
      const data = Float64Array.from(rows.flatMap((row) => [...row[index]!.data]));
      return dense([steps, ...inner], data);
    });
    return [...state, ...stacked];
  },
  lower: (inputs, attributes, { lowerLoop }) => lowerLoop(attributes, inputs),
};

/** The symbol of the loop's count where it is an extent, a number where it is constant. */
export function stepsOf(count: Value): Dim {
  const { primitive, attributes, inputs } = count.node;
  if (primitive === dim) return inputs[0]!.shape.at((attributes as { axis: number }).axis)!;
  if (primitive === constant) return Number((attributes as { tensor: Tensor }).tensor.data[0]);
  return `steps${count.id}`;
}
