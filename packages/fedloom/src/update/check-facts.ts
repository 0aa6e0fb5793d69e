import { checkUpdate as checkOld } from './check-update.js';
import type { Update, UpdateSpec } from './update.js';

/** Interim. */
export function checkUpdate(update: Update, specs: readonly UpdateSpec[]): Float64Array {
  checkOld(update.tensors, update.facts.sampleCount ?? Number.NaN, specs, `client ${update.client}`);
  return new Float64Array(0);
}
