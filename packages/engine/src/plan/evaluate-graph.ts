import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { Dim } from '../graph/value-type.js';
import { stacking, stacks } from '../layers/stacking.js';
import type { AnyMetric, BuiltModel, Loss, LossContext, Metric } from '../layers/types.js';
import { collectable, gatherBatches, preprocess } from './batches.js';
import { perSampleValue } from './given-values.js';
import { applyModel, evaluationContext } from './layer-context.js';
import { lossContext } from './loss-context.js';
import { PortBuilder } from './port-builder.js';
import type { PortContext } from './ports.js';
import type { PlanSource } from './source.js';

/**
 * Loss and metrics of the model on each of a client's samples: a loop over batches. Those that stack are computed after it, on
 * the predictions of all batches at once: a small step's time is its number of nodes.
 */
export function buildEvaluateGraph(source: PlanSource, model: BuiltModel, context: PortContext): PortBuilder {
  const g = new Graph();
  const ports = new PortBuilder(g, context, 'evaluate');
  const params = new Map(
    [...context.parameters.keys()].map((name) => [name, ports.input({ source: 'parameter', name })]),
  );
  const about = lossContext(source.data, model);
  const batches = gatherBatches(ports, about);
  const measures = [named('loss', source.loss, about), ...source.metrics];
  const measured = (
    graph: Graph,
    measure: AnyMetric,
    prediction: Value,
    target: Value,
    samples: readonly Dim[],
  ): Value => {
    const prepared = measure.prepareTarget?.(graph, target, about) ?? target;
    const { size, shape } = context.metrics.find(({ name }) => name === measure.name) ?? {};
    const wide = size === undefined ? samples : [...samples, ...(shape ?? [size])];
    const value = perSampleValue('metric', measure.name, measure.perSample(graph, prediction, prepared, about), wide);
    return size === undefined || shape === undefined ? value : graph.reshape(value, [...samples, size]);
  };
  const inside = measures.filter((measure) => !stacks(measure, about));
  const { collected } = g.loopCollecting(batches.stepCount, [], (body, step) => {
    const x = preprocess(body, batches.x(body, step), source.data.x);
    const valid = () => body.gather(batches.valid, step);
    const { output: prediction } = applyModel(model, body, x, params, evaluationContext(valid));
    const values = inside.map((measure) => {
      const target = body.gather(batches.y, step);
      return body.scope(measure.name, () =>
        collectable(body, measured(body, measure, prediction, target, [prediction.shape[0]!]), batches, step),
      );
    });
    return { carried: [], collected: inside.length < measures.length ? [...values, prediction] : values };
  });
  for (const measure of measures) {
    const { name } = measure;
    const at = inside.indexOf(measure);
    const value =
      at < 0
        ? g.scope(name, () => measured(g, measure, collected.at(-1)!, batches.y, batches.y.shape.slice(0, 2)))
        : collected[at]!;
    ports.output({ source: 'sampleMetric', name }, value);
  }
  return ports;
}

/** A loss under another name; its methods are called on itself. */
function named(name: string, loss: Loss, context: LossContext): Metric {
  const metric: Metric = {
    name,
    prepareTarget: (g, target, about) => loss.prepareTarget?.(g, target, about) ?? target,
    perSample: (g, prediction, target, about) => loss.perSample(g, prediction, target, about),
  };
  return stacks(loss, context) ? stacking(metric) : metric;
}
