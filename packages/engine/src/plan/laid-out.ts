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
  return 16 * (data.y.classes ?? elementCount(data.y.shape)) + 8 * wide + drawn;
}
