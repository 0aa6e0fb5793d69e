import { FedloomError } from '../errors.js';
import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { ClientTerms } from './client-terms.js';
import { PortBuilder } from './port-builder.js';
import type { PortContext } from './ports.js';
import { finishContext } from './term-context.js';

/** What an algorithm makes of the trained parameters, once, after the last step; `undefined` where it makes nothing. */
export function buildFinishGraph(terms: ClientTerms | undefined, context: PortContext): PortBuilder | undefined {
  if (terms === undefined || (terms.state.length === 0 && terms.upload.length === 0)) return undefined;
  if (terms.finish === undefined) {
    throw new FedloomError(
      'plan.terms',
      `The algorithm ${terms.algorithm} declares uploads or client state, but has no finish() that makes them: add it.`,
      { algorithm: terms.algorithm },
    );
  }
  const g = new Graph();
  const ports = new PortBuilder(g, context, 'finish');
  for (const { name, role } of context.parameters.values()) {
    if (role !== 'trained') continue;
    const result = g.scope(`finish/${name}`, () => terms.finish!(g, finishContext(ports, name)));
    for (const source of ['upload', 'state'] as const) {
      for (const slot of terms[source]) ports.output({ source, slot, name }, made(terms, slot, result[source][slot]));
    }
  }
  return ports;
}

function made(terms: ClientTerms, slot: string, value: Value | undefined): Value {
  if (value === undefined) {
    throw new FedloomError(
      'plan.terms',
      `The algorithm ${terms.algorithm} declares the slot '${slot}', but its finish() does not return it: return a ` +
        'value for every slot of upload and state.',
      { algorithm: terms.algorithm, slot },
    );
  }
  return value;
}
