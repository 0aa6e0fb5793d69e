import type { Value } from '../graph/value.js';
import { axisOf, extentOf, refuseBatch, type Step, Unsupported } from './entries.js';

/** Computed along one axis, which goes to the end for it: `build` may change its extent. */
export function alongAxis({ g }: Step, x: Value, axis: number, build: (x: Value) => Value): Value {
  const place = axisOf(axis, x.shape.length);
  refuseBatch(x, [place]);
  const last = x.shape.length - 1;
  if (place === last) return build(x);
  const perm = x.shape.map((_, at) => (at === place ? last : at === last ? place : at));
  return g.transpose(build(g.transpose(x, perm)), perm);
}

/** What stands at these places along an axis. */
export function taken(step: Step, x: Value, axis: number, places: readonly number[]): Value {
  const { g } = step;
  const place = axisOf(axis, x.shape.length);
  const [first = 0] = places;
  const extent = extentOf(x, place);
  const wrong = places.find((one) => one < 0 || one >= extent);
  if (wrong !== undefined) throw new Unsupported(`takes the place ${wrong} of ${extent}`);
  if (places.every((one, at) => one === first + at)) {
    return places.length === extent ? x : g.slice(x, place, first, first + places.length);
  }
  return gathered(step, x, place, g.constant(places, 'int64'));
}

/** Rows along an axis, by indices of any shape. */
export function gathered({ g }: Step, x: Value, axis: number, indices: Value): Value {
  if (axis === 0) return g.gather(x, indices);
  const others = x.shape.flatMap((_, at) => (at === axis ? [] : [at]));
  const rows = g.gather(g.transpose(x, [axis, ...others]), indices);
  const rank = indices.shape.length;
  const own = indices.shape.map((_, at) => at);
  const rest = others.map((_, at) => at + rank);
  return g.transpose(rows, [...rest.slice(0, axis), ...own, ...rest.slice(axis)]);
}
