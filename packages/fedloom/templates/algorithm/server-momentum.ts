import { defineAlgorithm, type FederatedAlgorithm, FedloomError, type Tensor } from 'fedloom';

export interface ServerMomentumOptions {
  /** How much of the last step the next one keeps, in [0, 1). */
  readonly momentum: number;
}

/**
 * FedAvg with momentum on the server (Hsu, Qi, Brown 2019, arXiv 1909.06335): v <- momentum v + mean_k (w_k - w), w <- w + v.
 * An algorithm is a pure value: what the server keeps goes in and comes out, and nothing else changes.
 */
export function serverMomentum({ momentum }: ServerMomentumOptions): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'serverMomentum',
    citation: 'Hsu et al. 2019, arXiv 1909.06335',
    hyperparameters: { momentum },
    // Makes it settable: --set algorithm.momentum=0.5
    with({ momentum: changed = momentum, ...others }) {
      const [unknown] = Object.keys(others);
      if (unknown === undefined) return serverMomentum({ momentum: changed });
      const message = `serverMomentum has no option "${unknown}"; its option is momentum.`;
      throw new FedloomError('algorithm.option', message, { algorithm: 'serverMomentum', option: unknown });
    },
    // Holds for any aggregate, so that --fold may take another in place of the mean.
    foldReplaceable: true,
    server: {
      initialize(model, trained) {
        const velocities = [...trained].map((name): [string, Tensor] => {
          const shape = model.get(name)?.shape ?? [];
          const size = shape.reduce((product, extent) => product * extent, 1);
          return [`velocity/${name}`, { dtype: 'float32', shape, data: new Float32Array(size) }];
        });
        return new Map(velocities);
      },
      update({ model, state, aggregate }) {
        const nextModel = new Map<string, Tensor>();
        const nextState = new Map<string, Tensor>();
        for (const [name, tensor] of model) {
          const change = aggregate.get(name);
          // What clients do not change stays, and whole numbers come as values.
          if (!(change?.data instanceof Float64Array && tensor.data instanceof Float32Array)) {
            nextModel.set(name, change ?? tensor);
            continue;
          }
          // The mean of the clients' changes: through the velocity where a parameter is trained, as it is elsewhere.
          const mean = Float32Array.from(change.data);
          const velocity = state.get(`velocity/${name}`);
          const step =
            velocity?.data instanceof Float32Array
              ? velocity.data.map((last, i) => momentum * last + (mean[i] ?? 0))
              : mean;
          if (velocity !== undefined) nextState.set(`velocity/${name}`, { ...velocity, data: step });
          nextModel.set(name, { ...tensor, data: tensor.data.map((weight, i) => weight + (step[i] ?? 0)) });
        }
        return { model: nextModel, state: nextState };
      },
    },
  });
}
