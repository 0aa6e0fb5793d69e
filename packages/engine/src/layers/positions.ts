import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { elementCount } from '../tensor.js';
import { optionsProblem, show } from './layer-checks.js';
import type { LossContext } from './types.js';

/** Of losses and metrics that take a label for each position of a sample. */
export interface PositionsOptions {
  /** Positions with this label do not count, as those that fill up short texts: 0 of `texts`. Default: all count. */
  readonly ignore?: number;
}

/** @throws FedloomError of this code */
export function checkPositionsOptions<T extends PositionsOptions>(
  name: string,
  options: T,
  known: readonly string[],
  code: 'loss.option' | 'metric.option',
): T {
  const problem = optionsProblem(name, options, known);
  if (problem !== undefined) throw new FedloomError(code, problem, { option: 'options', value: options });
  const { ignore } = options;
  if (ignore === undefined || (Number.isSafeInteger(ignore) && ignore >= 0)) return options;
  const message = `${name}: ignore is ${show(ignore)}; it must be a label, a whole number of at least 0.`;
  throw new FedloomError(code, message, { option: 'ignore', value: ignore });
}

/** The axes of a sample's positions in a value `[..., ...positions]`, counted from its end. */
function positionAxes({ targetShape }: LossContext): number[] {
  return targetShape.map((_, axis) => axis - targetShape.length);
}

/** 1 where a label counts, else 0: float32 of the labels' shape. Undefined: all count. */
export function counted(g: Graph, labels: Value, { ignore }: PositionsOptions): Value | undefined {
  return ignore === undefined ? undefined : g.sub(1, g.cast(g.equal(labels, ignore), 'float32'));
}

/**
 * The mean over the positions of each sample that count, of values `[..., ...positions]`; 0 where none does. Of one label a
 * sample: its value itself.
 */
export function meanOverPositions(g: Graph, values: Value, counts: Value | undefined, context: LossContext): Value {
  const axes = positionAxes(context);
  if (counts === undefined) return g.mean(values, axes);
  return g.div(g.sum(g.mul(values, counts), axes), g.maximum(g.sum(counts, axes), 1));
}

/** The sum over positions that count and their number, `[..., 2]`: what adds up to a mean over the positions of all samples. */
export function sumsOverPositions(g: Graph, values: Value, counts: Value | undefined, context: LossContext): Value {
  const axes = positionAxes(context);
  const [summed, number] =
    counts === undefined
      ? [g.sum(values, axes), positionCount(g, g.sum(values, axes), context)]
      : [g.sum(g.mul(values, counts), axes), g.sum(counts, axes)];
  const column = (value: Value) => g.reshape(value, [...value.shape, 1]);
  return g.concat([column(summed), column(number)], -1);
}

function positionCount(g: Graph, like: Value, { targetShape }: LossContext): Value {
  return g.expand(g.constant(elementCount(targetShape), 'float32'), like.shape);
}
