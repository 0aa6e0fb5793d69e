import { localSgd, minus, plus, type ReferenceProblem, times } from './problem.js';

/** Li et al. 2020, Algorithm 2. @param loss of a client's samples at some weights */
export function referenceQFedAvg(
  problem: ReferenceProblem,
  rounds: number,
  q: number,
  loss: (w: readonly number[], client: number) => number,
): number[] {
  let w = [...problem.initial];
  for (let t = 0; t < rounds; t++) {
    const L = 1 / problem.learningRate(t);
    let delta = times(0, w);
    let h = 0;
    for (const k of problem.cohort(t)) {
      const F = loss(w, k) + 1e-10;
      const gradient = times(L, minus(w, localSgd(problem, t, k, w)));
      delta = plus(delta, times(F ** q, gradient));
      h += q * F ** (q - 1) * gradient.reduce((sum, g) => sum + g * g, 0) + L * F ** q;
    }
    w = minus(w, times(1 / h, delta));
  }
  return w;
}
