import { FedloomError } from '@fedloom/engine';
import type { Contribution, IndividualFold } from '../fold-contract.js';
import { travelsAsDelta, type UpdateSpec } from '../update.js';
import { defineFold } from './define-fold.js';
import { readFoldOptions } from './fold-options.js';
import { ascending, foldTensors, memoryOf } from './fold-tensors.js';
import { distanceScratchBytes, squaredDistances } from './squared-distances.js';
import { type TooFewCode, tooFew } from './too-few.js';
import { weightedMean } from './weighted-mean.js';

export interface KrumOptions {
  /** How many of a round's clients may be attackers: at least 0. A round needs more than 2f + 2 updates. */
  readonly f: number;
}

export interface MultiKrumOptions extends KrumOptions {
  /** How many updates are averaged, the best: at least 1; n - f of a round's n by default. More let attackers in. */
  readonly m?: number;
}

/**
 * Takes the one update whose nearest others are nearest: all of its tensors, its buffers and uploads too.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent.
 * NeurIPS 2017, arXiv 1703.02757, section 4. Distances are over all trained deltas as one vector.
 */
export function krum(options: KrumOptions): IndividualFold {
  const { f = 0 } = readFoldOptions('krum', 'krum(f=1)', { ...options }, { f: { min: 0 } });
  return chosenMean('krum', { f }, () => 1);
}

/**
 * The mean of the `m` updates with the best scores of Krum, weighted as the algorithm weights updates; buffers by samples.
 *
 * Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent.
 * NeurIPS 2017, arXiv 1703.02757, section 5 (Multi-Krum); m = 1 is Krum, m = n the weighted mean.
 */
export function multiKrum(options: MultiKrumOptions): IndividualFold {
  const rules = { f: { min: 0 }, m: { min: 1, optional: true } };
  const { f = 0, m } = readFoldOptions('multiKrum', 'multiKrum(f=1, m=4)', { ...options }, rules);
  return chosenMean('multiKrum', m === undefined ? { f } : { f, m }, (updates) => m ?? updates - f);
}

interface Settings {
  readonly f: number;
  readonly m?: number;
}

/** @param chosen how many of so many updates are taken */
function chosenMean(name: string, options: Settings, chosen: (updates: number) => number): IndividualFold {
  const { f, m = 0 } = options;
  const requireEnough = (code: TooFewCode, updates: number) => {
    if (updates <= 2 * f + 2) {
      const most = Math.floor((updates - 3) / 2);
      const cure = most < 0 ? '' : ` With ${updates}, f can be ${most} at most.`;
      const rule = `more than 2f + 2 = 2 * ${f} + 2 = ${2 * f + 2} updates`;
      throw tooFew(code, `${name} with f=${f}`, updates, rule, `Ask more clients a round.${cure}`);
    }
    if (updates < m) {
      throw tooFew(
        code,
        `${name} with m=${m}`,
        updates,
        `at least m = ${m} updates`,
        `Choose m of at most ${updates - f}.`,
      );
    }
  };
  return defineFold<IndividualFold>({
    kind: 'individual',
    name,
    options: { ...options },
    memoryBytes: (specs, updates) => memoryOf(specs, updates, distanceScratchBytes(updates)),
    checkCohort: (updates) => requireEnough('fold.too-few', updates),
    combine(contributions, specs) {
      requireEnough('aggregate.too-few', contributions.length);
      const best = bestOf(name, contributions, specs, f, chosen(contributions.length));
      const weights = best.map(({ weight }) => weight);
      const sampleCounts = best.map(({ update }) => update.facts.sampleCount ?? 0);
      return foldTensors(best, specs, (tensors, spec) =>
        weightedMean(tensors, spec.kind === 'buffer' ? sampleCounts : weights, spec),
      );
    },
  });
}

/** The `count` contributions with the smallest scores, ascending by client. */
function bestOf(
  name: string,
  contributions: readonly Contribution[],
  specs: readonly UpdateSpec[],
  f: number,
  count: number,
): Contribution[] {
  const trained = ascending(specs).filter((spec) => spec.kind === 'trained' && travelsAsDelta(spec));
  if (trained.length === 0) {
    const message = `${name} measures distances between trained floats, but this run's updates hold none.`;
    throw new FedloomError('aggregate.untrained', message, { fold: name });
  }
  const scores = krumScores(squaredDistances(contributions, trained), contributions.length, f);
  // A stable sort: of equal scores the lower client comes first.
  const ranked = [...scores.keys()].sort((a, b) => compareScores(scores[a], scores[b]));
  const best = ranked.slice(0, count);
  if (best.some((i) => !Number.isFinite(scores[i]))) {
    const message = `${name}: the updates are so far apart that their squared distances exceed float64. The model diverged.`;
    throw new FedloomError('aggregate.overflow', message, { fold: name });
  }
  const taken = new Set(best);
  return contributions.filter((_, i) => taken.has(i));
}

/**
 * Section 4: s(i) = sum of |V_i - V_j|^2 over the n - f - 2 vectors V_j that are nearest to V_i.
 * @param distances squared, n x n
 */
export function krumScores(distances: Float64Array, n: number, f: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    const row = distances.slice(i * n, (i + 1) * n);
    row.copyWithin(i, i + 1);
    const others = row.subarray(0, n - 1).sort();
    return others.subarray(0, n - f - 2).reduce((sum, distance) => sum + distance, 0);
  });
}

/** Infinity equals itself, where a difference would be NaN. */
function compareScores(a = Number.NaN, b = Number.NaN): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
