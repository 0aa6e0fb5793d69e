import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { checkClasses, contextError } from './context-checks.js';
import type { LossContext } from './types.js';

/** As many classes as a square of them has numbers of a metric: 4,096. */
const CLASSES_MAX = 64;

/** @throws FedloomError `metric.shape` */
export function checkConfusion(name: string, context: LossContext): void {
  checkClasses(name, context);
  const { classes = 0 } = context;
  if (classes <= CLASSES_MAX) return;
  const message = `${name} takes at most ${CLASSES_MAX} classes, and the data have ${classes}: take accuracy().`;
  throw contextError('metric.shape', message, context);
}

/** Where each sample stands in the confusion matrix: float32 `[batch, classes * classes]`, 1 at label * classes + prediction, else 0. */
export function cellOfSample(g: Graph, prediction: Value, target: Value, { classes = 0 }: LossContext): Value {
  const predicted = g.cast(g.argMax(prediction, -1), 'int32');
  return g.oneHot(g.add(g.mul(target, classes), predicted), classes * classes);
}

/** How many of a class's labels were predicted, and how many there were of each, by class; or these as shares of all samples. */
export interface ClassCounts {
  readonly right: number;
  readonly predicted: number;
  readonly labelled: number;
}

/** @param cells of a confusion matrix, row by row */
export function countsByClass(cells: readonly number[]): readonly ClassCounts[] {
  const classes = Math.sqrt(cells.length);
  const sum = (of: (other: number) => number) => {
    let total = 0;
    for (let other = 0; other < classes; other += 1) total += cells[of(other)] ?? 0;
    return total;
  };
  return Array.from({ length: classes }, (_, own) => ({
    right: cells[own * classes + own] ?? 0,
    predicted: sum((label) => label * classes + own),
    labelled: sum((prediction) => own * classes + prediction),
  }));
}

export const precisionOf = ({ right, predicted }: ClassCounts): number => share(right, predicted);
export const recallOf = ({ right, labelled }: ClassCounts): number => share(right, labelled);
export const f1Of = ({ right, predicted, labelled }: ClassCounts): number => share(2 * right, predicted + labelled);

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
