import { FedloomError } from '../errors.js';
import { cellOfSample, checkConfusion, countsByClass, f1Of, precisionOf, recallOf } from './confusion.js';
import { defineShapedMetric } from './define.js';
import { show } from './layer-checks.js';
import type { ShapedMetric } from './types.js';

/**
 * How many samples of each class (rows) were predicted to be of each class (columns), `[classes, classes]`, over all samples of all
 * clients. Of at most 64 classes. As scikit-learn's.
 */
export function confusionMatrix(): ShapedMetric {
  const name = 'confusionMatrix';
  return defineShapedMetric({
    name,
    check: (context) => checkConfusion(name, context),
    shape: ({ classes = 0 }) => [classes, classes],
    perSample(g, prediction, target, context) {
      const { classes = 0 } = context;
      return g.reshape(cellOfSample(g, prediction, target, context), [prediction.shape[0] ?? 1, classes, classes]);
    },
    // Whole numbers again: a mean is one of them divided by the samples.
    value: (means, samples) => means.map((mean) => Math.round(mean * samples)),
  });
}

/** What a confusion matrix says of one class. What is divided by 0 is 0. */
export interface ClassScores {
  /** Of what was predicted to be of the class, how much is. */
  readonly precision: number;
  /** Of what is of the class, how much was predicted to be. */
  readonly recall: number;
  /** The harmonic mean of both. */
  readonly f1: number;
  /** Samples of the class. */
  readonly samples: number;
}

/**
 * Precision, recall and F1 of each class, by its label.
 * @param matrix a confusion matrix as results hold it: its rows
 * @throws FedloomError `metric.matrix` where it is none
 */
export function classScores(matrix: unknown): readonly ClassScores[] {
  const rows: readonly unknown[] = Array.isArray(matrix) ? matrix : [];
  const cells = rows.flatMap((row) => (Array.isArray(row) && row.length === rows.length ? row : []));
  const isCount = (cell: unknown): cell is number => typeof cell === 'number' && cell >= 0;
  if (rows.length === 0 || cells.length !== rows.length ** 2 || !cells.every(isCount)) {
    const message =
      `classScores takes a confusion matrix, as many rows as columns of counts, and was given ${show(matrix)}: add confusionMatrix() ` +
      'to the metrics of the task, and take metrics.confusionMatrix of a result or of a record that was evaluated.';
    throw new FedloomError('metric.matrix', message, { value: matrix });
  }
  return countsByClass(cells).map((counts) => ({
    precision: precisionOf(counts),
    recall: recallOf(counts),
    f1: f1Of(counts),
    samples: counts.labelled,
  }));
}
