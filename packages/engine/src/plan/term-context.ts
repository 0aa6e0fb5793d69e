import type { Value } from '../graph/value.js';
import type { FinishContext, TermContext } from './client-terms.js';
import type { PortBuilder } from './port-builder.js';

/** What an algorithm sees of the parameter `name`. Inputs come into being when they are asked for. */
export function termContext(ports: PortBuilder, name: string, parameter: Value): TermContext {
  return {
    parameter,
    name,
    get global() {
      return ports.input({ source: 'global', name });
    },
    broadcast: (slot) => ports.input({ source: 'broadcast', slot, name }),
    state: (slot) => ports.input({ source: 'state', slot, name }),
    scalar: (scalar) => ports.input({ source: 'scalar', name: scalar }),
  };
}

export function finishContext(ports: PortBuilder, name: string): FinishContext {
  const context = termContext(ports, name, ports.input({ source: 'parameter', name }));
  return {
    parameter: context.parameter,
    name,
    broadcast: context.broadcast,
    state: context.state,
    scalar: context.scalar,
    get global() {
      return context.global;
    },
    get stepCount() {
      return ports.input({ source: 'stepCount', name: '' });
    },
    get learningRate() {
      return ports.input({ source: 'scalar', name: 'learningRate' });
    },
  };
}
