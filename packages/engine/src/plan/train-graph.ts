import { FedloomError } from '../errors.js';
import { gradients } from '../graph/gradients.js';
import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { isPlainStep } from '../layers/plain-step.js';
import { stacks } from '../layers/stacking.js';
import type { BuiltModel, ByParameter, OptimizerOutput } from '../layers/types.js';
import { collectable, gatherBatches, preprocess } from './batches.js';
import { perSampleValue, updatedValues } from './given-values.js';
import { applyModel, stepsBefore, trainingContext } from './layer-context.js';
import { lossContext } from './loss-context.js';
import type { ParameterSpec } from './manifest.js';
import { PortBuilder } from './port-builder.js';
import type { PortContext, PortKey } from './ports.js';
import type { PlanSource } from './source.js';
import { termContext } from './term-context.js';

/**
 * A client's local training: a loop over the steps with the trained parameters, the buffers and the optimiser's state as carried
 * values. Each step is forward, backward and update on the mini-batch that a row of `order` names; what it minimises is the
 * mean loss over the row's samples without the padding.
 */
export function buildTrainGraph(source: PlanSource, model: BuiltModel, context: PortContext): PortBuilder {
  const g = new Graph();
  const ports = new PortBuilder(g, context, 'train');
  const { optimizer } = source.training;
  const namesOf = (role: ParameterSpec['role']) =>
    [...context.parameters.values()].filter((spec) => spec.role === role).map(({ name }) => name);
  const [trained, buffers] = [namesOf('trained'), namesOf('buffer')];
  const slots = trained.flatMap((name) => optimizer.slots.map((slot) => ({ slot, name })));
  const carriedPorts: readonly PortKey[] = [
    ...[...trained, ...buffers].map((name): PortKey => ({ source: 'parameter', name })),
    ...slots.map((key): PortKey => ({ source: 'optimizer', ...key })),
  ];
  const start = carriedPorts.map((key) => ports.input(key));

  const { loss } = source;
  const about = lossContext(source.data, model);
  const batches = gatherBatches(ports, about);
  const weights = g.div(batches.valid, g.maximum(g.sum(batches.valid, [1], true), 1));
  const learningRate = ports.input({ source: 'scalar', name: 'learningRate' });
  const scale = isPlainStep(optimizer) ? g.neg(learningRate) : undefined;
  const seeds = scale === undefined ? weights : g.mul(weights, scale);
  const stacked = stacks(loss, about);
  const targets = loss.prepareTarget?.(g, batches.y, about) ?? batches.y;

  const { carried, collected } = g.loopCollecting(batches.stepCount, start, (body, step, values) => {
    const current = new Map(trained.map((name, index) => [name, values[index]!]));
    const kept = new Map(buffers.map((name, index) => [name, values[trained.length + index]!]));
    const x = preprocess(body, batches.x(body, step), source.data.x);
    const all = allParameters(ports, new Map([...current, ...kept]));
    const { output: prediction, buffers: changed } = applyModel(
      model,
      body,
      x,
      all,
      trainingContext(ports, body, batches, step),
    );
    const losses = body.scope('loss', () =>
      perSampleValue('loss', loss.name, loss.perSample(body, prediction, body.gather(targets, step), about), [
        prediction.shape[0]!,
      ]),
    );
    const raw = gradients(losses, [...current.values()], body.gather(seeds, step));
    const ready = trained.map((name, index) =>
      body.scope(`update/${name}`, () => {
        const given = withTerm(
          ports,
          body,
          source,
          { name, parameter: current.get(name)!, gradient: raw[index]! },
          scale,
        );
        // Of a plain step the gradient is what is added.
        return scale === undefined ? given : { ...given, parameter: body.add(given.parameter, given.gradient) };
      }),
    );
    const parameters = new Map(trained.map((name, index) => [name, ready[index]!.parameter]));
    const gradientsOf = new Map(trained.map((name, index) => [name, ready[index]!.gradient]));
    const updated = (): OptimizerOutput =>
      optimizer.update(body, {
        parameters,
        gradients: gradientsOf,
        learningRate,
        slots: slotValues(optimizer.slots, trained, values.slice(trained.length + buffers.length)),
        step: () => stepsBefore(ports, body, step),
      });
    const next =
      scale === undefined ? updatedValues(optimizer, updated(), parameters) : { parameters, slots: new Map() };
    return {
      carried: [
        ...trained.map((name) => next.parameters.get(name)!),
        ...buffers.map((name) => changed.get(name) ?? kept.get(name)!),
        ...slots.map(({ slot, name }) => next.slots.get(slot)!.get(name)!),
      ],
      collected: [stacked ? prediction : collectable(body, losses, batches, step)],
    };
  });

  for (const [index, key] of carriedPorts.entries()) ports.output(key, carried[index]!);
  const losses = stacked ? g.scope('loss', () => loss.perSample(g, collected[0]!, targets, about)) : collected[0]!;
  ports.output({ source: 'sampleLoss', name: '' }, losses);
  return ports;
}

/** Carried values, slot after slot of one parameter after the other, by slot and parameter. */
function slotValues(
  slots: readonly string[],
  names: readonly string[],
  values: readonly Value[],
): ReadonlyMap<string, ByParameter> {
  return new Map(
    slots.map((slot, at) => [slot, new Map(names.map((name, index) => [name, values[index * slots.length + at]!]))]),
  );
}

function allParameters(ports: PortBuilder, known: ByParameter): Map<string, Value> {
  return new Map(
    [...ports.context.parameters.keys()].map((name) => [
      name,
      known.get(name) ?? ports.input({ source: 'parameter', name }),
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
