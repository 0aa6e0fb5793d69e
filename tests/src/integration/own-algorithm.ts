import { defineAlgorithm, type FederatedAlgorithm, FedloomError, type Tensor } from 'fedloom';

/** An algorithm as a user writes it, from public exports alone: the server goes a part of the clients' mean way. */
export function partWay({ part = 0.5 }: { readonly part?: number } = {}): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'partWay',
    citation: 'own work',
    hyperparameters: { part },
    with(changes) {
      const unknown = Object.keys(changes).find((name) => name !== 'part');
      if (unknown === undefined) return partWay({ part, ...changes });
      const message = `partWay: there is no option "${unknown}"; its option is part.`;
      throw new FedloomError('algorithm.option', message, { algorithm: 'partWay', option: unknown });
    },
    server: {
      initialize: () => new Map(),
      update({ model, aggregate, trained, state }) {
        const next = [...model].map(([name, tensor]): [string, Tensor] => {
          const change = aggregate.get(name);
          if (change === undefined) return [name, tensor];
          const { data } = tensor;
          if (!(data instanceof Float32Array && change.data instanceof Float64Array)) return [name, change];
          const [delta, rate] = [change.data, trained.has(name) ? part : 1];
          return [name, { ...tensor, data: data.map((value, i) => value + rate * (delta[i] ?? 0)) }];
        });
        return { model: new Map(next), state: new Map(state) };
      },
    },
  });
}
