import { rowsOf } from '../shapes.js';
import type { StackedStep, Value } from '../value.js';

/**
 * The gradient by weights `b` that all steps of a scan multiply their rows by: all steps' rows below one another, so that it is one large
 * product in place of many small ones.
 */
export function matmulOverSteps(
  step: StackedStep<{ readonly transposeA: boolean; readonly transposeB: boolean }>,
): (() => Value) | undefined {
  const { graph, attributes, inputs, index, gradient } = step;
  const a = step.stacked(0);
  const areMatrices = inputs.every(({ shape }) => shape.length === 2);
  if (index !== 1 || a === undefined || attributes.transposeA || !areMatrices) return undefined;
  return () => {
    const [left, right] = [a(), gradient()].map((value) => graph.reshape(value, rowsOf(value.shape))) as [Value, Value];
    return attributes.transposeB
      ? graph.matmul(right, left, { transposeA: true })
      : graph.matmul(left, right, { transposeA: true });
  };
}
