import type { BuiltModel, LossContext } from '../layers/types.js';
import type { DataSpec } from './manifest.js';

export function lossContext(data: DataSpec, model: BuiltModel): LossContext {
  const { shape, classes } = data.y;
  return { predictionShape: model.outputShape, targetShape: shape, ...(classes === undefined ? {} : { classes }) };
}
