/** The server's fold alone. It is not public, so that it is loaded by its place in the package. */
import type { NamedTensors } from 'fedloom';
import type * as CheckUpdate from '../../../packages/fedloom/src/update/check-update.js';
import type * as ExactMean from '../../../packages/fedloom/src/update/exact-mean.js';
import { done, input, tell } from './parent.js';

export interface FoldInput {
  /** Of the model's one float32 tensor. */
  readonly elements: number;
  /** Updates in a pass. */
  readonly updates: number;
  readonly passes: number;
}

export interface FoldOutput {
  /** 10^9 bytes of update a second, a number a pass: adding to the exact mean, and its finish, shared among the updates. */
  readonly foldGBs: readonly number[];
  /** The same with the checks that an update goes through before. */
  readonly checkedGBs: readonly number[];
}

const update = new URL('./dist/update/', import.meta.resolve('fedloom/package.json'));
const { ExactMean: Mean } = (await import(new URL('exact-mean.js', update).href)) as typeof ExactMean;
const { checkUpdate } = (await import(new URL('check-update.js', update).href)) as typeof CheckUpdate;

const { elements, updates, passes } = await input<FoldInput>();
const specs = [{ name: 'weight', shape: [elements], dtype: 'float32', fold: 'mean' } as const];
/** Different updates, more than a cache holds of small ones: real updates come from the network, too. */
const pool: NamedTensors[] = Array.from(
  { length: Math.max(2, Math.min(64, Math.round(6.4e7 / (4 * elements)))) },
  (_, k) => {
    const data = Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 0.37 + k) * 0.1);
    return new Map([['weight', { dtype: 'float32', shape: [elements], data }]]);
  },
);

function pass(checked: boolean): number {
  const mean = new Mean(specs);
  const startedMs = performance.now();
  for (let k = 0; k < updates; k += 1) {
    const update = pool[k % pool.length] as NamedTensors;
    if (checked) checkUpdate(update, 60, specs, `client ${k}`);
    mean.add(update, 60);
  }
  mean.finish();
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
