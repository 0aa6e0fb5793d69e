import { elementCount } from '../tensor.js';
import { drawnPerPlace } from './draw.js';
import type { PlanManifest } from './manifest.js';
import type { GraphKind } from './ports.js';

/**
 * Bytes that a call lays out for each sample of its steps: float32 targets, predictions and what the loss makes of them, and what
 * layers draw.
 */
export function laidOutBytes({ data, metrics, random = [] }: PlanManifest, kind: GraphKind): number {
  const wide = kind === 'evaluate' ? metrics.reduce((sum, { size = 0 }) => sum + size, 0) : 0;
  const drawn = kind === 'train' ? 4 * drawnPerPlace(random) : 0;
  // Of labels of positions the step itself makes what is as wide as the classes, and lets it go.
  const predicted = data.y.shape.length === 0 ? (data.y.classes ?? 1) : elementCount(data.y.shape);
  return 16 * predicted + 8 * wide + drawn;
}
