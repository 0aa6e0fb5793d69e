import type { BuiltModel, LossContext } from '../layers/types.js';
import type { DataSpec } from './manifest.js';

/** What losses and metrics are told. Targets that are single numbers get an axis of 1 where the predictions have one. */
export function lossContext({ y }: DataSpec, { outputShape }: BuiltModel): LossContext {
  const { shape, classes } = y;
  const single = classes === undefined && shape.length === 0 && outputShape.length === 1 && outputShape[0] === 1;
  return {
    predictionShape: outputShape,
    targetShape: single ? [1] : shape,
    ...(classes === undefined ? {} : { classes }),
  };
}
