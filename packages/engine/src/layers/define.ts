import { FedloomError } from '../errors.js';
import { show } from './layer-checks.js';
import type { GradientTransform, Layer, Loss, Metric, Optimizer, ShapedMetric } from './types.js';

/** Under such a name a result stands in records and in messages. */
const RESULT_NAME = /^[A-Za-z][\w.-]*$/;

const CODES = {
  layer: 'layer.definition',
  loss: 'loss.definition',
  metric: 'metric.definition',
  optimizer: 'optimizer.definition',
} as const;
type Check = (value: unknown) => boolean;

const isFunction: Check = (value) => typeof value === 'function';
const isText: Check = (value) => typeof value === 'string' && value !== '';
const isResultName: Check = (value) => typeof value === 'string' && RESULT_NAME.test(value);
const isRate: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isListOfText: Check = (value) => Array.isArray(value) && value.every(isText);

/** A layer of one's own. The built-in layers use nothing else. @throws FedloomError `layer.definition` */
export function defineLayer(layer: Layer): Layer {
  return checked('layer', layer, [
    ['kind', isText, 'a name for messages'],
    ['build', isFunction, 'a function of the shape of a sample'],
  ]);
}

/** A loss of one's own. @throws FedloomError `loss.definition` */
export function defineLoss<const Name extends string>(loss: Loss<Name>): Loss<Name> {
  return checked('loss', loss, [
    ['name', isResultName, 'a word'],
    ['check', isFunction, 'a function that throws where predictions and targets do not go together'],
    ['perSample', isFunction, 'a function (g, prediction, target, context) => the loss of each sample'],
  ]);
}

/** A metric of one's own. @throws FedloomError `metric.definition` */
export function defineMetric<const Name extends string>(metric: Metric<Name>): Metric<Name> {
  const isSummary: Check = (value) => (metric.size === undefined ? value === undefined : isFunction(value));
  return checked('metric', metric, [
    ['name', isResultName, 'a word of letters, digits and . _ -'],
    ['perSample', isFunction, 'a function (g, prediction, target, context) => a number for each sample'],
    ['value', isSummary, 'a function (means) => number where there is a size, and only there'],
  ]);
}

/** A metric of one's own that is reported as a list or a matrix. @throws FedloomError `metric.definition` */
export function defineShapedMetric(metric: ShapedMetric): ShapedMetric {
  return checked('metric', metric, [
    ['name', isResultName, 'a word of letters, digits and . _ -'],
    ['perSample', isFunction, 'a function (g, prediction, target, context) => so many numbers for each sample'],
    ['shape', isFunction, 'a function (context) => a list of dimensions'],
    ['value', isFunction, 'a function (means, samples) => as many numbers'],
  ]);
}

/** An optimiser of one's own. @throws FedloomError `optimizer.definition` */
export function defineOptimizer(optimizer: Optimizer): Optimizer {
  return checked('optimizer', optimizer, [
    ['name', isText, 'a name for records'],
    ['learningRate', isRate, 'a finite number'],
    ['slots', isListOfText, 'a list of names, [] for an optimiser that keeps nothing'],
    ['update', isFunction, 'a function (g, input) => { parameters, slots }'],
  ]);
}

/** What changes gradients before an optimiser takes them. @throws FedloomError `optimizer.definition` */
export function defineGradientTransform(transform: GradientTransform): GradientTransform {
  return checked('optimizer', transform, [
    ['name', isText, 'a name for records'],
    ['slots', isListOfText, 'a list of names, [] for one that keeps nothing'],
    ['transform', isFunction, 'a function (g, input) => { gradients, slots }'],
  ]);
}

function checked<T extends object>(
  kind: keyof typeof CODES,
  given: T,
  fields: readonly (readonly [string, Check, string])[],
): T {
  for (const [field, holds, mustBe] of fields) {
    const value: unknown = given === undefined || given === null ? undefined : Reflect.get(given, field);
    if (holds(value)) continue;
    const named = typeof given === 'object' && given !== null && 'name' in given ? ` "${given.name}"` : '';
    const message = `The ${kind}${named}: ${field} is ${show(value)}; it must be ${mustBe}.`;
    throw new FedloomError(CODES[kind], message, { field });
  }
  return given;
}
