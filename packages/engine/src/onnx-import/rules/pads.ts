import type { Value } from '../../graph/value.js';
import { taken } from '../along.js';
import { axisOf, extentOf, laidOut, type Rule, type Step, Unsupported } from '../entries.js';

const pad: Rule = (step) => {
  const x = step.value(0);
  const pads = step.has(1) ? step.numbers(1) : (step.integers('pads') ?? []);
  const axes = step.has(3) ? step.numbers(3) : [...x.shape.keys()];
  const place = placing[step.text('mode', 'constant')];
  if (place === undefined) throw new Unsupported(`has the mode ${step.text('mode', '')}`);
  return [
    axes.reduce((value, axis, at) => {
      const [before = 0, after = 0] = [pads[at], pads[at + axes.length]];
      return before === 0 && after === 0 ? value : place(step, value, axisOf(axis, x.shape.length), before, after);
    }, x),
  ];
};

type Place = (step: Step, x: Value, axis: number, before: number, after: number) => Value;

/** Places of the input for those of the output. */
function looked(placeOf: (at: number, extent: number) => number): Place {
  return (step, x, axis, before, after) => {
    const extent = extentOf(x, axis);
    const places = Array.from({ length: laidOut(before + extent + after) }, (_, at) => placeOf(at - before, extent));
    return taken(step, x, axis, places);
  };
}

const placing: Readonly<Record<string, Place>> = {
  constant(step, x, axis, before, after) {
    const { g } = step;
    const extent = extentOf(x, axis);
    const kept = g.slice(x, axis, Math.max(0, -before), extent - Math.max(0, -after));
    const cut = before < 0 || after < 0 ? kept : x;
    const [front, back] = [Math.max(0, before), Math.max(0, after)];
    const number = step.has(2) ? step.numbers(2)[0] : step.float('value', 0);
    if (number === undefined || number === 0) return g.pad(cut, axis, front, back);
    const of = (count: number) =>
      count === 0
        ? []
        : [
            g.expand(
              g.constant(number, x.dtype),
              cut.shape.map((one, at) => (at === axis ? count : one)),
            ),
          ];
    return g.concat([...of(front), cut, ...of(back)], axis);
  },
  edge: looked((at, extent) => Math.min(extent - 1, Math.max(0, at))),
  reflect: looked((at, extent) => {
    const [last, from] = [extent - 1, Math.abs(at)];
    return from > last ? 2 * last - from : from;
  }),
  wrap: looked((at, extent) => ((at % extent) + extent) % extent),
};

/** Channels to pixels: `[N, C * size * size, H, W]` to `[N, C, H * size, W * size]`. */
const depthToSpace: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const size = step.integer('blocksize', 1);
  const [images = 1] = x.shape;
  const [depth, height, width] = [extentOf(x, 1) / size ** 2, extentOf(x, 2), extentOf(x, 3)];
  const isColumnsFirst = step.text('mode', 'DCR') === 'DCR';
  const apart = g.reshape(x, [images, ...(isColumnsFirst ? [size, size, depth] : [depth, size, size]), height, width]);
  const placed = g.transpose(apart, isColumnsFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]);
  return [g.reshape(placed, [images, depth, height * size, width * size])];
};

const spaceToDepth: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const size = step.integer('blocksize', 1);
  const [images = 1] = x.shape;
  const [depth, height, width] = [extentOf(x, 1), extentOf(x, 2) / size, extentOf(x, 3) / size];
  const apart = g.reshape(x, [images, depth, height, size, width, size]);
  return [g.reshape(g.transpose(apart, [0, 3, 5, 1, 2, 4]), [images, depth * size ** 2, height, width])];
};

export const pads: Readonly<Record<string, Rule>> = {
  DepthToSpace: depthToSpace,
  Pad: pad,
  SpaceToDepth: spaceToDepth,
};
