/** The server's fold alone. It is not public, so that it is loaded by its place in the package. */

import { clientIndex, hashFrom, versionNumber } from 'fedloom';
import type * as MeanFold from '../../../packages/fedloom/src/update/mean-fold.js';
import type { Update, UpdateSpec } from '../../../packages/fedloom/src/update/update.js';
import type * as UpdateCheck from '../../../packages/fedloom/src/update/update-check.js';
import { done, input, tell } from './parent.js';

export interface FoldInput {
  /** Of the model's one float32 tensor. */
  readonly elements: number;
  /** Updates in a pass. */
  readonly updates: number;
  readonly passes: number;
}

export interface FoldOutput {
  /**
   * 10^9 bytes of update a second, a number a pass: adding to the exact mean, which finds the largest magnitudes itself, and
   * its finish, shared among the updates.
   */
  readonly foldGBs: readonly number[];
  /** The same with the checks that an update goes through before, which find the magnitudes. */
  readonly checkedGBs: readonly number[];
}

const update = new URL('./dist/update/', import.meta.resolve('fedloom/package.json'));
const { meanFold } = (await import(new URL('mean-fold.js', update).href)) as typeof MeanFold;
const { checkUpdate } = (await import(new URL('update-check.js', update).href)) as typeof UpdateCheck;

const { elements, updates, passes } = await input<FoldInput>();
const specs: UpdateSpec[] = [{ name: 'weight', shape: [elements], dtype: 'float32', fold: 'mean', kind: 'trained' }];
const base = { model: 'global', number: versionNumber(0), hash: hashFrom(`sha256:${'0'.repeat(64)}`) };
/** Different updates, more than a cache holds of small ones: real updates come from the network, too. */
const pool: Update[] = Array.from({ length: Math.max(2, Math.min(64, Math.round(6.4e7 / (4 * elements)))) }, (_, k) => {
  const data = Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 0.37 + k) * 0.1);
  return {
    client: clientIndex(k),
    base,
    task: 0,
    attempt: 0,
    facts: { sampleCount: 60 },
    tensors: new Map([['weight', { dtype: 'float32', shape: [elements], data }]]),
  };
});

function pass(checked: boolean): number {
  const mean = meanFold().start(specs);
  const startedMs = performance.now();
  for (let k = 0; k < updates; k += 1) {
    const update = pool[k % pool.length] as Update;
    if (checked) mean.add({ update, weight: 60, magnitudes: checkUpdate(update, specs).magnitudes });
    else mean.add({ update, weight: 60 });
  }
  // As the server does.
  if (mean.finishInPlace === undefined) throw new TypeError('the mean of updates finishes in place');
  mean.finishInPlace();
  return (updates * elements * 4) / 1e6 / (performance.now() - startedMs);
}

pass(true); // Warms up.
const foldGBs: number[] = [];
const checkedGBs: number[] = [];
for (let i = 0; i < passes; i += 1) {
  foldGBs.push(pass(false));
  checkedGBs.push(pass(true));
}
tell({ foldGBs, checkedGBs } satisfies FoldOutput);
done();
