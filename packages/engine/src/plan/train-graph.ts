import { FedloomError } from '../errors.js';
import { gradients } from '../graph/gradients.js';
import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { BuiltModel } from '../layers/types.js';
import { collectable, gatherBatches, preprocess } from './batches.js';
import { perSampleValue, updatedValues } from './given-values.js';
import { lossContext } from './loss-context.js';
import { PortBuilder } from './port-builder.js';
import type { PortContext } from './ports.js';
import type { PlanSource } from './source.js';
import { termContext } from './term-context.js';

/**
 * A client's local training: a loop over the steps with the trained parameters and the optimiser's state as carried
 * values. Each step is forward, backward and update on the mini-batch that a row of `order` names; what it minimises is the
 * mean loss over the row's samples without the padding.
 */
export function buildTrainGraph(source: PlanSource, model: BuiltModel, context: PortContext): PortBuilder {
  const g = new Graph();
  const ports = new PortBuilder(g, context, 'train');
  const { optimizer } = source.training;
  const trained = [...context.parameters.values()].filter(({ role }) => role === 'trained');
  const slots = trained.flatMap(({ name }) => optimizer.slots.map((slot) => ({ slot, name })));
  const parameters = trained.map(({ name }) => ports.input({ source: 'parameter', name }));
  const optimizerState = slots.map((key) => ports.input({ source: 'optimizer', ...key }));

  const { loss } = source;
  const about = lossContext(source.data, model);
  const batches = gatherBatches(ports, about);
  const weights = g.div(batches.valid, g.maximum(g.sum(batches.valid, [1], true), 1));
  const learningRate = ports.input({ source: 'scalar', name: 'learningRate' });
  const scale = optimizer.gradientScale === 'one' ? undefined : g.neg(learningRate);
  const seeds = scale === undefined ? weights : g.mul(weights, scale);
  const targets = loss.prepareTarget?.(g, batches.y, about) ?? batches.y;

  const { carried, collected } = g.loopCollecting(
    batches.stepCount,
    [...parameters, ...optimizerState],
    (body, step, values) => {
      const current = new Map(trained.map(({ name }, index) => [name, values[index]!]));
      const state = new Map(slots.map(({ slot, name }, index) => [`${slot}/${name}`, values[trained.length + index]!]));
      const x = preprocess(body, batches.x(body, step), source.data.x);
      const prediction = body.scope('model', () =>
        model.apply(body, x, allParameters(ports, current), { training: true }),
      );
      const losses = body.scope('loss', () =>
        perSampleValue('loss', loss.name, loss.perSample(body, prediction, body.gather(targets, step), about), [
          prediction.shape[0]!,
        ]),
      );
      const raw = gradients(losses, [...current.values()], body.gather(seeds, step));
      const next = trained.map(({ name }, index) =>
        body.scope(`update/${name}`, () => {
          const parameter = current.get(name)!;
          const given = optimizer.update(body, {
            ...withTerm(ports, body, source, { name, parameter, gradient: raw[index]! }, scale),
            learningRate,
            slots: new Map(optimizer.slots.map((slot) => [slot, state.get(`${slot}/${name}`)!])),
          });
          return updatedValues(optimizer, given, parameter);
        }),
      );
      const nextState = next.flatMap((result) => optimizer.slots.map((slot) => result.slots.get(slot)!));
      return {
        carried: [...next.map(({ parameter }) => parameter), ...nextState],
        collected: [loss.stacks === true ? prediction : collectable(body, losses, batches, step)],
      };
    },
  );

  for (const [index, { name }] of trained.entries()) ports.output({ source: 'parameter', name }, carried[index]!);
  for (const [index, key] of slots.entries()) {
    ports.output({ source: 'optimizer', ...key }, carried[trained.length + index]!);
  }
  const losses =
    loss.stacks === true ? g.scope('loss', () => loss.perSample(g, collected[0]!, targets, about)) : collected[0]!;
  ports.output({ source: 'sampleLoss', name: '' }, losses);
  return ports;
}

function allParameters(ports: PortBuilder, trained: ReadonlyMap<string, Value>): Map<string, Value> {
  return new Map(
    [...ports.context.parameters.keys()].map((name) => [
      name,
      trained.get(name) ?? ports.input({ source: 'parameter', name }),
    ]),
  );
}

/**
 * The algorithm's own term, where there is one, joins the gradient. Where the update is one addition, it is added to the
 * parameter instead: so a term of zero leaves every bit as it is, and the matrix product still ends in the addition.
 */
function withTerm(
  ports: PortBuilder,
  body: Graph,
  { terms }: PlanSource,
  { name, parameter, gradient }: { readonly name: string; readonly parameter: Value; readonly gradient: Value },
  scale: Value | undefined,
): { readonly parameter: Value; readonly gradient: Value } {
  if (terms?.gradientTerm === undefined) return { parameter, gradient };
  const term = terms.gradientTerm(body, termContext(ports, name, parameter));
  if (term?.node === undefined) {
    const message = `The algorithm ${terms.algorithm}: gradientTerm returned no value of the graph for ${name}.`;
    throw new FedloomError('plan.terms', message, { algorithm: terms.algorithm });
  }
  if (scale === undefined) return { parameter, gradient: body.add(gradient, term) };
  return { parameter: body.add(parameter, body.mul(term, scale)), gradient };
}
