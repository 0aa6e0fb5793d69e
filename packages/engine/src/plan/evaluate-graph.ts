import { Graph } from '../graph/graph.js';
import type { BuiltModel, Metric } from '../layers/types.js';
import { collectable, gatherBatches, preprocess } from './batches.js';
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
  const batches = gatherBatches(ports);
  const measures = [lossMeasure(source, model), ...source.metrics];
  const inside = measures.filter(({ stacks }) => stacks !== true);
  const { collected } = g.loopCollecting(batches.stepCount, [], (body, step) => {
    const x = preprocess(body, batches.x(body, step), source.data.x);
    const prediction = body.scope('model', () => model.apply(body, x, params, { training: false }));
    const values = inside.map((measure) => {
      const target = body.gather(batches.y, step);
      return body.scope(measure.name, () =>
        collectable(body, measure.perSample(body, prediction, target), batches, step),
      );
    });
    return { carried: [], collected: inside.length < measures.length ? [...values, prediction] : values };
  });
  for (const measure of measures) {
    const { name } = measure;
    const at = inside.indexOf(measure);
    const value = at < 0 ? g.scope(name, () => measure.perSample(g, collected.at(-1)!, batches.y)) : collected[at]!;
    ports.output({ source: 'sampleMetric', name }, value);
  }
  return ports;
}

function lossMeasure({ loss, data }: PlanSource, model: BuiltModel): Metric {
  const about = lossContext(data, model);
  return {
    name: 'loss',
    stacks: loss.stacks === true,
    perSample: (g, prediction, target) =>
      loss.perSample(g, prediction, loss.prepareTarget?.(g, target, about) ?? target, about),
  };
}
