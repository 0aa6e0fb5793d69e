/** A federation small enough to follow by hand. Vectors are flat lists; everything is float64. */
export interface ReferenceProblem {
  readonly classes: number;
  readonly clients: readonly { readonly x: readonly (readonly number[])[]; readonly y: readonly number[] }[];
  readonly initial: readonly number[];
  /** Clients that take part in the round. */
  cohort(round: number): readonly number[];
  /** The client's mini-batches of the round, as rows of its data, over all its local epochs. */
  batches(round: number, client: number): readonly (readonly number[])[];
  /** The clients' learning rate in the round. */
  learningRate(round: number): number;
  gradient(w: readonly number[], client: number, batch: readonly number[]): number[];
}

export const plus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value + b[i]!);
export const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value - b[i]!);
export const times = (factor: number, a: readonly number[]): number[] => a.map((value) => factor * value);

export function weightedMean(vectors: readonly (readonly number[])[], weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return vectors.map((vector, i) => times(weights[i]! / total, vector)).reduce((sum, vector) => plus(sum, vector));
}

/** McMahan et al. 2017, Algorithm 1, ClientUpdate; `correction` is what an algorithm adds to the gradient at `y`. */
export function localSgd(
  problem: ReferenceProblem,
  round: number,
  client: number,
  w: readonly number[],
  correction: (y: readonly number[]) => number[] = (y) => times(0, y),
): number[] {
  let y = [...w];
  for (const batch of problem.batches(round, client)) {
    const step = plus(problem.gradient(y, client, batch), correction(y));
    y = minus(y, times(problem.learningRate(round), step));
  }
  return y;
}

export function sampleCounts(problem: ReferenceProblem, cohort: readonly number[]): number[] {
  return cohort.map((client) => problem.clients[client]!.y.length);
}
