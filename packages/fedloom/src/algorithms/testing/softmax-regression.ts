import type { ReferenceProblem } from './reference/problem.js';

/**
 * Gradient of the mean softmax cross-entropy of a batch, by hand and in float64. `w` holds the weights `[classes, features]`
 * row by row, then the biases `[classes]`.
 */
export function softmaxGradient(
  problem: ReferenceProblem,
  w: readonly number[],
  client: number,
  batch: readonly number[],
): number[] {
  const { classes, clients } = problem;
  const { x, y } = clients[client]!;
  const features = x[0]!.length;
  const gradient = w.map(() => 0);
  for (const row of batch) {
    const sample = x[row]!;
    const logits = Array.from({ length: classes }, (_, k) =>
      sample.reduce((sum, value, j) => sum + w[k * features + j]! * value, w[classes * features + k]!),
    );
    const largest = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    for (let k = 0; k < classes; k++) {
      const error = (powers[k]! / total - (k === y[row] ? 1 : 0)) / batch.length;
      sample.forEach((value, j) => {
        gradient[k * features + j]! += error * value;
      });
      gradient[classes * features + k]! += error;
    }
  }
  return gradient;
}

/** The mean softmax cross-entropy of all of a client's samples, in float64; `w` as for the gradient. */
export function softmaxLoss(problem: ReferenceProblem, w: readonly number[], client: number): number {
  const { classes, clients } = problem;
  const { x, y } = clients[client]!;
  const features = x[0]!.length;
  const losses = x.map((sample, row) => {
    const logits = Array.from({ length: classes }, (_, k) =>
      sample.reduce((sum, value, j) => sum + w[k * features + j]! * value, w[classes * features + k]!),
    );
    const largest = Math.max(...logits);
    return largest + Math.log(logits.reduce((sum, one) => sum + Math.exp(one - largest), 0)) - logits[y[row]!]!;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
