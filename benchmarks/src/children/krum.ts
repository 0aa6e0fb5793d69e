/** Folds that need all updates at once. They are loaded by their place in the package, as `fold` is. */

import { clientIndex, hashFrom, versionNumber } from 'fedloom';
import type { Contribution } from '../../../packages/fedloom/src/update/fold-contract.js';
import type * as Krum from '../../../packages/fedloom/src/update/folds/krum.js';
import type * as Median from '../../../packages/fedloom/src/update/folds/median.js';
import { done, input, tell } from './parent.js';

export interface KrumInput {
  /** Of each update's one float32 tensor. */
  readonly elements: number;
  readonly updates: number;
  readonly passes: number;
}

/** Milliseconds, a number a pass; what stands at one place was measured one after the other. */
export interface KrumOutput {
  readonly krumMs: readonly number[];
  /** All squared distances by the loop that one would write first. */
  readonly plainMs: readonly number[];
  readonly medianMs: readonly number[];
}

const folds = new URL('./dist/update/folds/', import.meta.resolve('fedloom/package.json'));
const { krum } = (await import(new URL('krum.js', folds).href)) as typeof Krum;
const { median } = (await import(new URL('median.js', folds).href)) as typeof Median;

const { elements, updates, passes } = await input<KrumInput>();
const specs = [{ name: 'weight', shape: [elements], dtype: 'float32', fold: 'mean', kind: 'trained' } as const];
const vectors = Array.from({ length: updates }, (_, k) =>
  Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 0.37 + 13 * k) * 0.1),
);
const base = { model: 'model', number: versionNumber(0), hash: hashFrom(`sha256:${'0'.repeat(64)}`) };
const contributions = vectors.map((data, client): Contribution => {
  const tensors = new Map([['weight', { dtype: 'float32' as const, shape: [elements], data }]]);
  return {
    update: { client: clientIndex(client), base, task: 0, attempt: 0, facts: { sampleCount: 60 }, tensors },
    weight: 60,
  };
});

function plainDistances(): number[] {
  const distances: number[] = [];
  for (const [i, a] of vectors.entries()) {
    for (const b of vectors.slice(i + 1)) distances.push(plainDistance(a, b));
  }
  return distances;
}

function plainDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) {
    const difference = (a[i] as number) - (b[i] as number);
    sum += difference * difference;
  }
  return sum;
}

function msOf(action: () => unknown): number {
  const startedMs = performance.now();
  action();
  return performance.now() - startedMs;
}

const [best, middle] = [krum({ f: Math.floor((updates - 3) / 2) }), median()];
const output = { krumMs: [] as number[], plainMs: [] as number[], medianMs: [] as number[] };
for (let i = -2; i < passes; i += 1) {
  const pass = {
    krumMs: msOf(() => best.combine(contributions, specs)),
    plainMs: msOf(plainDistances),
    medianMs: msOf(() => middle.combine(contributions, specs)),
  };
  if (i < 0) continue; // Warms up.
  output.krumMs.push(pass.krumMs);
  output.plainMs.push(pass.plainMs);
  output.medianMs.push(pass.medianMs);
}
tell(output satisfies KrumOutput);
done();
