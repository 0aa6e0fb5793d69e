import { dense } from '../../reference/dense.js';
import { scanGradient } from '../scan-gradient.js';
import { formatShape, sameShape } from '../shapes.js';
import type { Primitive, ScanAttributes } from '../value.js';
import type { ValueType } from '../value-type.js';

/** A walk along the first axis of some values, with carried state: see `Graph.scan`. */
export const scan: Primitive<ScanAttributes> = {
  name: 'scan',
  inferShape(inputs, { carriedIn, rowsIn, carried, collected }, problem) {
    const initial = inputs.slice(0, carriedIn.length);
    const rows = inputs.slice(carriedIn.length, carriedIn.length + rowsIn.length);
    const [steps] = rows[0]?.shape ?? [];
    if (steps === undefined) throw problem('needs rows: a value with at least one axis, along which it goes');
    if (rows.some(({ shape }) => shape[0] !== steps)) throw problem('needs rows of the same first extent');
    if (carried.length !== initial.length) {
      throw problem(`carries ${initial.length} values, but its body returns ${carried.length}`);
    }
    for (const [index, before] of initial.entries()) {
      const value = carried[index] as ValueType;
      if (value.dtype === before.dtype && sameShape(value.shape, before.shape)) continue;
      const change = `${before.dtype} ${formatShape(before.shape)} into ${value.dtype} ${formatShape(value.shape)}`;
      throw problem(`must keep the type of carried value ${index}, but its body turns ${change}`);
    }
    return [...initial, ...collected.map(({ dtype, shape }) => ({ dtype, shape: [steps, ...shape] }))];
  },
  gradient: scanGradient,
  evaluate(inputs, { body, carriedIn, rowsIn, carried, collected, reverse }, { runBody, outputs, extent }) {
    let state = inputs.slice(0, carriedIn.length);
    const rows = inputs.slice(carriedIn.length, carriedIn.length + rowsIn.length);
    const steps = rows[0]!.shape[0]!;
    const found = collected.map((): Float64Array[] => []);
    for (let index = 0; index < steps; index++) {
      const place = reverse ? steps - 1 - index : index;
      const feeds = new Map(carriedIn.map((value, position) => [value, state[position]!]));
      for (const [position, value] of rowsIn.entries()) {
        const { shape, data } = rows[position]!;
        const size = data.length / steps;
        feeds.set(value, dense(shape.slice(1), data.slice(place * size, (place + 1) * size)));
      }
      const results = runBody(body, feeds, [...carried, ...collected]);
      state = results.slice(0, carried.length);
      for (const [position, list] of found.entries()) list[place] = results[carried.length + position]!.data;
    }
    const stacked = found.map((list, index) => {
      const shape = outputs[carried.length + index]!.shape.slice(1).map(extent);
      return dense([steps, ...shape], Float64Array.from(list.flatMap((data) => [...data])));
    });
    return [...state, ...stacked];
  },
  lower: (inputs, attributes, { lowerScan }) => lowerScan(attributes, inputs),
};
