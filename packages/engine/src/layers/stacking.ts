import type { AnyMetric, Loss, LossContext, Metric } from './types.js';

/*
 * Losses and metrics that take any number of leading dimensions in place of `batch` alone, because they count their axes from the
 * last: a plan computes those of a call's steps at once, after its loop, since a small step's time is its number of nodes. Only for
 * what does not depend on where in memory a sample lies, as ONNX Runtime's sums of several numbers, logarithms and exponentials do in
 * the last bit; its softmax does not. Only of one prediction for each sample: those of each position of many samples are large, and
 * their steps are not small. No part of what others write: the results are the same to the bit.
 */
const STACKS = Symbol('stacks');

export function stacking<T extends Loss | Metric>(measure: T): T {
  return Object.assign({ ...measure }, { [STACKS]: true });
}

export function stacks(measure: Loss | AnyMetric, { predictionShape }: LossContext): boolean {
  return predictionShape.length === 1 && Reflect.get(measure, STACKS) === true;
}
