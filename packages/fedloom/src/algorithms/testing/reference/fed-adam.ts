import { localSgd, minus, plus, type ReferenceProblem, sampleCounts, times, weightedMean } from './problem.js';

export interface AdamSettings {
  readonly serverLearningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly tau: number;
}

/** Reddi et al. 2021, Algorithm 2, FedAdam, with deltas weighted by samples. */
export function referenceFedAdam(problem: ReferenceProblem, rounds: number, settings: AdamSettings): number[] {
  const { serverLearningRate, beta1, beta2, tau } = settings;
  let x = [...problem.initial];
  let m = x.map(() => 0);
  let v = x.map(() => tau ** 2);
  for (let t = 0; t < rounds; t++) {
    const cohort = problem.cohort(t);
    const deltas = cohort.map((i) => minus(localSgd(problem, t, i, x), x));
    const delta = weightedMean(deltas, sampleCounts(problem, cohort));
    m = plus(times(beta1, m), times(1 - beta1, delta));
    v = plus(
      times(beta2, v),
      times(
        1 - beta2,
        delta.map((value) => value ** 2),
      ),
    );
    x = x.map((value, i) => value + (serverLearningRate * m[i]!) / (Math.sqrt(v[i]!) + tau));
  }
  return x;
}
