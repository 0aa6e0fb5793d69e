/** The rules as their papers write them, over clients' vectors: short, slow, and obviously right. */

type Vectors = readonly (readonly number[])[];

/** Yin et al. 2018, Definition 2: per coordinate, the mean without the `trim` smallest and the `trim` largest. */
export function naiveTrimmedMean(vectors: Vectors, trim: number): number[] {
  return coordinates(vectors).map((values) => {
    const kept = ascending(values).slice(trim, values.length - trim);
    return kept.reduce((sum, value) => sum + value, 0) / kept.length;
  });
}

/** Yin et al. 2018, Definition 1. */
export function naiveMedian(vectors: Vectors): number[] {
  return coordinates(vectors).map((values) => {
    const sorted = ascending(values);
    const half = values.length / 2;
    const middle = Number.isInteger(half) ? sorted.slice(half - 1, half + 1) : sorted.slice(half - 0.5, half + 0.5);
    return middle.reduce((sum, value) => sum + value, 0) / middle.length;
  });
}

/** Blanchard et al. 2017, section 4: clients from the best score to the worst; of equal scores the lower index first. */
export function naiveKrumOrder(vectors: Vectors, f: number): number[] {
  const scores = vectors.map((vector, i) => {
    const toOthers = vectors.filter((_, j) => j !== i).map((other) => naiveSquaredDistance(vector, other));
    const nearest = ascending(toOthers).slice(0, vectors.length - f - 2);
    return nearest.reduce((sum, distance) => sum + distance, 0);
  });
  return scores.map((_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
}

export function naiveSquaredDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0);
}

export function naiveWeightedMean(vectors: Vectors, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return coordinates(vectors).map(
    (values) => values.reduce((sum, x, i) => sum + x * (weights[i] as number), 0) / total,
  );
}

function coordinates(vectors: Vectors): number[][] {
  return (vectors[0] ?? []).map((_, i) => vectors.map((vector) => vector[i] as number));
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
