import { localSgd, minus, type ReferenceProblem, sampleCounts, times, weightedMean } from './problem.js';

/** Li et al. 2020, Algorithm 2, with SGD as the local solver of h_k and the mean weighted by samples. */
export function referenceFedProx(problem: ReferenceProblem, rounds: number, mu: number): number[] {
  let w = [...problem.initial];
  for (let t = 0; t < rounds; t++) {
    const cohort = problem.cohort(t);
    const centre = w;
    const trained = cohort.map((k) => localSgd(problem, t, k, centre, (y) => times(mu, minus(y, centre))));
    w = weightedMean(trained, sampleCounts(problem, cohort));
  }
  return w;
}
