import { localSgd, minus, plus, type ReferenceProblem, sampleCounts, times } from './problem.js';

/** Wang et al. 2020, eq. (8) with plain SGD on the clients: a_i = [1, ..., 1], so that ||a_i||_1 = tau_i. */
export function referenceFedNova(problem: ReferenceProblem, rounds: number): number[] {
  let w = [...problem.initial];
  for (let t = 0; t < rounds; t++) {
    const cohort = problem.cohort(t);
    const counts = sampleCounts(problem, cohort);
    const total = counts.reduce((sum, n) => sum + n, 0);
    let tauEff = 0;
    let sum = times(0, w);
    for (const [at, i] of cohort.entries()) {
      const p = (counts[at] ?? 0) / total;
      const tau = problem.batches(t, i).length;
      const d = times(1 / tau, minus(w, localSgd(problem, t, i, w)));
      tauEff += p * tau;
      sum = plus(sum, times(p, d));
    }
    w = minus(w, times(tauEff, sum));
  }
  return w;
}
