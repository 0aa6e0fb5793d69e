import { localSgd, minus, plus, type ReferenceProblem, sampleCounts, times, weightedMean } from './problem.js';

export interface ScaffoldRun {
  readonly x: number[];
  readonly c: number[];
  /** c_i by client. */
  readonly controls: readonly (readonly number[])[];
}

/** Karimireddy et al. 2020, Algorithm 1 with option II. */
export function referenceScaffold(
  problem: ReferenceProblem,
  rounds: number,
  {
    serverLearningRate = 1,
    weighting = 'uniform',
  }: { serverLearningRate?: number; weighting?: 'samples' | 'uniform' } = {},
): ScaffoldRun {
  const N = problem.clients.length;
  let x = [...problem.initial];
  let c = x.map(() => 0);
  const controls = problem.clients.map(() => x.map(() => 0));
  for (let t = 0; t < rounds; t++) {
    const cohort = problem.cohort(t);
    const deltaY: number[][] = [];
    const deltaC: number[][] = [];
    for (const i of cohort) {
      const [ci, serverC] = [controls[i]!, c];
      const y = localSgd(problem, t, i, x, () => minus(serverC, ci));
      const K = problem.batches(t, i).length;
      const next = plus(minus(ci, c), times(1 / (K * problem.learningRate(t)), minus(x, y)));
      deltaY.push(minus(y, x));
      deltaC.push(minus(next, ci));
      controls[i] = next;
    }
    const weights = weighting === 'samples' ? sampleCounts(problem, cohort) : cohort.map(() => 1);
    x = plus(x, times(serverLearningRate, weightedMean(deltaY, weights)));
    c = plus(c, times(cohort.length / N, weightedMean(deltaC, weights)));
  }
  return { x, c, controls };
}
