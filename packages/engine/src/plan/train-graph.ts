import { gradients } from '../graph/gradients.js';
import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { BuiltModel } from '../layers/types.js';
import { gatherBatches, preprocess } from './batches.js';
import { lossContext } from './loss-context.js';
import type { ParameterSpec } from './manifest.js';
import { PortBuilder } from './port-builder.js';
import type { PortContext } from './ports.js';
import type { PlanSource } from './source.js';
import { termContext } from './term-context.js';

/**
 * A client's local training: a loop over the steps with the trained parameters and the optimiser's state as carried
 * values. Each step is forward, backward and update on the mini-batch that a row of `order` names; its loss is the mean
 * over the row's samples without the padding.
 */
export function buildTrainGraph(source: PlanSource, model: BuiltModel, context: PortContext): PortBuilder {
  const g = new Graph();
  const ports = new PortBuilder(g, context, 'train');
  const { optimizer } = source.training;
  const trained = [...context.parameters.values()].filter(({ role }) => role === 'trained');
  const slots = trained.flatMap(({ name }) => optimizer.slots.map((slot) => ({ slot, name })));
  const parameters = trained.map(({ name }) => ports.input({ source: 'parameter', name }));
  const optimizerState = slots.map((key) => ports.input({ source: 'optimizer', ...key }));

  const batches = gatherBatches(ports);
  const weights = g.div(batches.valid, g.maximum(g.sum(batches.valid, [1], true), 1));
  const learningRate = ports.input({ source: 'scalar', name: 'learningRate' });
  const scale = optimizer.gradientScale === 'one' ? undefined : g.neg(learningRate);
  const seeds = scale === undefined ? weights : g.mul(weights, scale);
  const targets = source.loss.prepareTarget?.(g, batches.y, lossContext(source.data, model)) ?? batches.y;

  const { carried, collected } = g.loopCollecting(
    batches.stepCount,
    [...parameters, ...optimizerState],
    (body, step, values) => {
      const current = new Map(trained.map(({ name }, index) => [name, values[index]!]));
      const losses = perSampleLoss(ports, body, source, model, current, {
        x: body.gather(batches.x, step),
        target: body.gather(targets, step),
      });
      const raw = gradients(losses, [...current.values()], body.gather(seeds, step));
      const state = new Map(slots.map((key, index) => [`${key.slot}/${key.name}`, values[trained.length + index]!]));
      const next = trained.map((spec, index) =>
        body.scope(`update/${spec.name}`, () => {
          const gradient = withTerm(ports, body, source, spec, current.get(spec.name)!, raw[index]!, scale);
          return optimizer.update(body, {
            parameter: current.get(spec.name)!,
            gradient,
            learningRate,
            slots: new Map(optimizer.slots.map((slot) => [slot, state.get(`${slot}/${spec.name}`)!])),
          });
        }),
      );
      const nextState = next.flatMap((result) => optimizer.slots.map((slot) => result.slots.get(slot)!));
      return { carried: [...next.map(({ parameter }) => parameter), ...nextState], collected: [losses] };
    },
  );

  for (const [index, { name }] of trained.entries()) ports.output({ source: 'parameter', name }, carried[index]!);
  for (const [index, key] of slots.entries()) {
    ports.output({ source: 'optimizer', ...key }, carried[trained.length + index]!);
  }
  ports.output({ source: 'stepLoss', name: '' }, g.sum(g.mul(collected[0]!, weights), [1]));
  return ports;
}

function perSampleLoss(
  ports: PortBuilder,
  body: Graph,
  source: PlanSource,
  model: BuiltModel,
  trained: ReadonlyMap<string, Value>,
  batch: { readonly x: Value; readonly target: Value },
): Value {
  const params = new Map(
    [...ports.context.parameters.keys()].map((name) => [
      name,
      trained.get(name) ?? ports.input({ source: 'parameter', name }),
    ]),
  );
  const x = preprocess(body, batch.x, source.data.x);
  const prediction = body.scope('model', () => model.apply(body, x, params, { training: true }));
  return body.scope('loss', () => source.loss.perSample(body, prediction, batch.target));
}

/** The gradient with the algorithm's own term, which takes the same scale as the loss's gradient. */
function withTerm(
  ports: PortBuilder,
  body: Graph,
  { terms }: PlanSource,
  { name }: ParameterSpec,
  parameter: Value,
  gradient: Value,
  scale: Value | undefined,
): Value {
  if (terms?.gradientTerm === undefined) return gradient;
  const term = terms.gradientTerm(body, termContext(ports, name, parameter));
  return body.add(gradient, scale === undefined ? term : body.mul(term, scale));
}
