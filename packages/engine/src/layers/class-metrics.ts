import { FedloomError } from '../errors.js';
import { checkClasses, contextError } from './context-checks.js';
import { defineMetric } from './define.js';
import { checkInteger, show } from './layer-checks.js';
import type { Metric } from './types.js';

/**
 * 1 where fewer than `k` classes have a larger prediction than the label's, else 0: the label is among the k best. Reported as `top5Accuracy`
 * for k = 5.
 */
export function topKAccuracy<const K extends number>(k: K): Metric<`top${K}Accuracy`> {
  checkInteger('topKAccuracy', 'k', k, 1);
  const name = `top${k}Accuracy` as const;
  return defineMetric({
    name,
    check(context) {
      checkClasses(name, context);
      if (k < (context.classes ?? 0)) return;
      const message = `${name}: k is ${show(k)}, and there are ${context.classes} classes: choose a smaller k.`;
      throw new FedloomError('metric.option', message, { option: 'k', value: k });
    },
    perSample(g, prediction, target, { predictionShape }) {
      const own = g.sum(g.mul(prediction, g.oneHot(target, predictionShape[0]!)), [-1], true);
      const larger = g.sum(g.cast(g.greater(prediction, own), 'float32'), [-1]);
      return g.cast(g.greater(k, larger), 'float32');
    },
  });
}

/** As many classes as a square of them has numbers of a metric: 4,096. */
const CLASSES_MAX = 64;

/** How many of a class's labels were predicted, and how many there were of each, by class. */
interface ClassCounts {
  readonly right: number;
  readonly predicted: number;
  readonly labelled: number;
}

/**
 * From the confusion matrix over all samples of all clients, exact for the federation as a whole. Of two classes: that of class 1; else the
 * mean over the classes that occur (macro), where a class without predictions or labels has 0. As scikit-learn's.
 */
function ofConfusion<const Name extends string>(name: Name, score: (counts: ClassCounts) => number): Metric<Name> {
  return defineMetric({
    name,
    check(context) {
      checkClasses(name, context);
      const { classes = 0 } = context;
      if (classes <= CLASSES_MAX) return;
      const message = `${name} takes at most ${CLASSES_MAX} classes, and the data have ${classes}: take accuracy().`;
      throw contextError('metric.shape', message, context);
    },
    size: ({ classes = 0 }) => classes * classes,
    perSample(g, prediction, target, { classes = 0 }) {
      const predicted = g.cast(g.argMax(prediction, -1), 'int32');
      return g.oneHot(g.add(g.mul(target, classes), predicted), classes * classes);
    },
    value(means) {
      const classes = Math.sqrt(means.length);
      const sum = (of: (other: number) => number) => {
        let total = 0;
        for (let other = 0; other < classes; other += 1) total += means[of(other)] ?? 0;
        return total;
      };
      const counts = Array.from(
        { length: classes },
        (_, own): ClassCounts => ({
          right: means[own * classes + own] ?? 0,
          predicted: sum((label) => label * classes + own),
          labelled: sum((prediction) => own * classes + prediction),
        }),
      );
      const scored = classes === 2 ? counts.slice(1) : counts.filter((one) => one.predicted + one.labelled > 0);
      return scored.reduce((total, one) => total + score(one), 0) / scored.length;
    },
  });
}

const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

/** Of what was predicted to be of a class, how much is. Of two classes of class 1, else the mean over classes. */
export function precision(): Metric<'precision'> {
  return ofConfusion('precision', ({ right, predicted }) => share(right, predicted));
}

/** Of what is of a class, how much was predicted to be. Of two classes of class 1, else the mean over classes. */
export function recall(): Metric<'recall'> {
  return ofConfusion('recall', ({ right, labelled }) => share(right, labelled));
}

/** The harmonic mean of precision and recall. Of two classes of class 1, else the mean over classes. */
export function f1(): Metric<'f1'> {
  return ofConfusion('f1', ({ right, predicted, labelled }) => share(2 * right, predicted + labelled));
}
