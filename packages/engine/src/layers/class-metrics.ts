import { FedloomError } from '../errors.js';
import {
  type ClassCounts,
  cellOfSample,
  checkConfusion,
  countsByClass,
  f1Of,
  precisionOf,
  recallOf,
} from './confusion.js';
import { checkClasses } from './context-checks.js';
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

/**
 * From the confusion matrix over all samples of all clients, exact for the federation as a whole. Of two classes: that of class 1; else the
 * mean over the classes that occur (macro), where a class without predictions or labels has 0. As scikit-learn's.
 */
function ofConfusion<const Name extends string>(name: Name, score: (counts: ClassCounts) => number): Metric<Name> {
  return defineMetric({
    name,
    check: (context) => checkConfusion(name, context),
    size: ({ classes = 0 }) => classes * classes,
    perSample: cellOfSample,
    value(means) {
      const counts = countsByClass(means);
      const scored = counts.length === 2 ? counts.slice(1) : counts.filter((one) => one.predicted + one.labelled > 0);
      return scored.reduce((total, one) => total + score(one), 0) / scored.length;
    },
  });
}

/** Of what was predicted to be of a class, how much is. Of two classes of class 1, else the mean over classes. */
export function precision(): Metric<'precision'> {
  return ofConfusion('precision', precisionOf);
}

/** Of what is of a class, how much was predicted to be. Of two classes of class 1, else the mean over classes. */
export function recall(): Metric<'recall'> {
  return ofConfusion('recall', recallOf);
}

/** The harmonic mean of precision and recall. Of two classes of class 1, else the mean over classes. */
export function f1(): Metric<'f1'> {
  return ofConfusion('f1', f1Of);
}
