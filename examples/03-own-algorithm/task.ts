// An algorithm of one's own, from outside the library: FedAvgM, FedAvg with momentum on the server.
//   npx fedloom run examples/03-own-algorithm/task.ts 20 5 10
import {
  accuracy,
  defineAlgorithm,
  defineTask,
  dense,
  type FederatedAlgorithm,
  FedloomError,
  mnist,
  sequential,
  sgd,
  shards,
  softmaxCrossEntropy,
  type Tensor,
} from 'fedloom';

/** Hsu, Qi, Brown 2019, arXiv 1909.06335: v <- beta v + mean_k (w_k - w), w <- w + v. */
export function fedAvgM({ beta = 0.9 } = {}): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'fedAvgM',
    citation: 'Hsu et al. 2019, arXiv 1909.06335',
    hyperparameters: { beta },
    // Makes it settable: --set algorithm.beta=0.5
    with({ beta: changed = beta, ...others }) {
      const [unknown] = Object.keys(others);
      if (unknown === undefined) return fedAvgM({ beta: changed });
      const message = `fedAvgM: there is no option "${unknown}"; its option is beta.`;
      throw new FedloomError('algorithm.option', message, { algorithm: 'fedAvgM', option: unknown });
    },
    server: {
      initialize: (model, trained) =>
        new Map(
          [...trained].map((name): [string, Tensor] => {
            const { shape, data } = model.get(name)!;
            return [`velocity/${name}`, { dtype: 'float32', shape, data: new Float32Array(data.length) }];
          }),
        ),
      update: ({ model, state, aggregate }) => {
        const nextModel = new Map<string, Tensor>();
        const nextState = new Map<string, Tensor>();
        for (const [name, tensor] of model) {
          const change = aggregate.get(name);
          // What the clients do not change stays, and integers come as values.
          if (!(change?.data instanceof Float64Array && tensor.data instanceof Float32Array)) {
            nextModel.set(name, change ?? tensor);
            continue;
          }
          // The mean of the clients' changes: as it is for buffers, through the velocity for what is trained.
          let step: Float32Array | Float64Array = change.data;
          const velocity = state.get(`velocity/${name}`);
          if (velocity !== undefined) {
            step = (velocity.data as Float32Array).map((v, i) => beta * v + step[i]!);
            nextState.set(`velocity/${name}`, { ...velocity, data: step });
          }
          nextModel.set(name, { ...tensor, data: tensor.data.map((w, i) => w + step[i]!) });
        }
        return { model: nextModel, state: nextState };
      },
    },
  });
}

export default defineTask({
  name: 'own-algorithm',
  data: mnist(),
  partition: shards({ perClient: 2 }),
  model: sequential([dense(10)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.01 }) },
  algorithm: fedAvgM({ beta: 0.7 }),
});
