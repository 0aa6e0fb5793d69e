import { localSgd, type ReferenceProblem, sampleCounts, weightedMean } from './problem.js';

/** McMahan et al. 2017, Algorithm 1, as it stands there. */
export function referenceFedAvg(problem: ReferenceProblem, rounds: number): number[] {
  let w = [...problem.initial];
  for (let t = 0; t < rounds; t++) {
    const cohort = problem.cohort(t);
    const trained = cohort.map((k) => localSgd(problem, t, k, w));
    w = weightedMean(trained, sampleCounts(problem, cohort));
  }
  return w;
}
