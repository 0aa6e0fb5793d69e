import type { RandomSource } from '../layers/types.js';
import { elementCount, type Tensor } from '../tensor.js';
import type { RandomSpec } from './manifest.js';

/** Uniform numbers are multiples of it, so that each is a float32, and none is 1. */
const UNIT = 2 ** -24;

/** Numbers that one place of a batch takes in a step. */
export function drawnPerPlace(specs: readonly RandomSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** What `PlanManifest.random` names, for so many steps: step by step, so that it does not matter where calls are cut. */
export function draw(
  specs: readonly RandomSpec[],
  steps: number,
  batch: number,
  random: RandomSource,
): Map<string, Tensor> {
  const all = specs.map(({ shape }) => new Float32Array(steps * batch * elementCount(shape)));
  for (let step = 0; step < steps; step++) {
    for (const values of all) {
      const width = values.length / steps;
      const drawn = new Float64Array(width);
      random.fill(drawn);
      for (let i = 0; i < width; i++) values[step * width + i] = Math.floor(drawn[i]! / UNIT) * UNIT;
    }
  }
  return new Map(
    specs.map(({ name, shape }, at) => [
      `random/${name}`,
      { dtype: 'float32', shape: [steps, batch, ...shape], data: all[at]! },
    ]),
  );
}
