import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { GraphPort, GraphSpec, RandomSpec } from './manifest.js';
import { expectedPort, type GraphKind, type PortContext, type PortKey, type PortSide } from './ports.js';

/** Declares a graph's inputs when they are first asked for, and keeps the list of its ports for the manifest. */
export class PortBuilder {
  readonly #inputs = new Map<string, { readonly port: GraphPort; readonly value: Value }>();
  readonly #outputs: GraphPort[] = [];
  readonly #random: RandomSpec[] = [];
  readonly context: PortContext;

  constructor(
    readonly graph: Graph,
    context: PortContext,
    readonly kind: GraphKind,
  ) {
    this.context = { ...context, random: this.#random };
  }

  get spec(): GraphSpec {
    return { inputs: [...this.#inputs.values()].map(({ port }) => port), outputs: this.#outputs };
  }

  input(key: PortKey): Value {
    const port = this.#port('inputs', key);
    const known = this.#inputs.get(port.port);
    if (known !== undefined) return known.value;
    const value = this.graph.input(port.port, port.dtype, port.shape);
    this.#inputs.set(port.port, { port, value });
    return value;
  }

  /** Numbers for each place of each step's batch, other ones at each call: float32 `[steps, batch, ...shape]`. */
  random(shape: readonly number[]): Value {
    const name = `uniform${this.#random.length}`;
    this.#random.push({ name, shape });
    return this.input({ source: 'random', name });
  }

  /** What was asked for by `random`. */
  get drawn(): readonly RandomSpec[] {
    return this.#random;
  }

  output(key: PortKey, value: Value): void {
    const port = this.#port('outputs', key);
    if (value.dtype !== port.dtype || value.shape.join() !== port.shape.join()) {
      throw new FedloomError(
        'plan.output',
        `The ${this.kind} graph's ${port.port} must be ${port.dtype} [${port.shape.join(', ')}], but what was built for ` +
          `it is ${value.dtype} [${value.shape.join(', ')}]: mend the layer, loss or algorithm that gives it.`,
        { port: port.port },
      );
    }
    this.graph.output(port.port, value);
    this.#outputs.push(port);
  }

  #port(side: PortSide, key: PortKey): GraphPort {
    const port = expectedPort(this.context, this.kind, side, key);
    if (port === undefined) {
      const { source, slot, name } = key;
      throw new FedloomError(
        'plan.terms',
        `The ${this.kind} graph was asked for ${source} ${slot === undefined ? '' : `'${slot}' of `}'${name}', which ` +
          'the plan does not declare: add it to the slots or scalars of the algorithm.',
        { source, slot, name },
      );
    }
    return port;
  }
}
