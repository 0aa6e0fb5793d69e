import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { BuiltModel } from '../layers/types.js';
import { collectable, gatherBatches, preprocess } from './batches.js';
import { lossContext } from './loss-context.js';
import { PortBuilder } from './port-builder.js';
import type { PortContext } from './ports.js';
import type { PlanSource } from './source.js';

/** Loss and metrics of the model on each of a client's samples: a loop over batches. */
export function buildEvaluateGraph(source: PlanSource, model: BuiltModel, context: PortContext): PortBuilder {
  const g = new Graph();
  const ports = new PortBuilder(g, context, 'evaluate');
  const params = new Map(
    [...context.parameters.keys()].map((name) => [name, ports.input({ source: 'parameter', name })]),
  );
  const batches = gatherBatches(ports);
  const { loss, metrics } = source;
  const about = lossContext(source.data, model);
  const { collected } = g.loopCollecting(batches.stepCount, [], (body, step) => {
    const x = preprocess(body, batches.x(body, step), source.data.x);
    const target = body.gather(batches.y, step);
    const prediction = body.scope('model', () => model.apply(body, x, params, { training: false }));
    const collected = (value: Value) => collectable(body, value, batches, step);
    const prepared = loss.prepareTarget?.(body, target, about) ?? target;
    return {
      carried: [],
      collected: [
        body.scope('loss', () => collected(loss.perSample(body, prediction, prepared, about))),
        ...metrics.map((metric) =>
          body.scope(metric.name, () => collected(metric.perSample(body, prediction, target))),
        ),
      ],
    };
  });
  for (const [index, { name }] of context.metrics.entries()) {
    ports.output({ source: 'sampleMetric', name }, collected[index]!);
  }
  return ports;
}
