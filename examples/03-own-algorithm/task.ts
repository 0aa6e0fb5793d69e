// An algorithm of one's own, from outside the library: FedAvgM, FedAvg with momentum on the server.
//   npx fedloom run examples/03-own-algorithm/task.ts 20 5 10
import {
  accuracy,
  defineAlgorithm,
  defineTask,
  dense,
  type FederatedAlgorithm,
  mnist,
  sequential,
  sgd,
  shards,
  softmaxCrossEntropy,
  type Tensor,
} from 'fedloom';

/** Hsu, Qi, Brown 2019, arXiv 1909.06335: v <- beta v + mean_k (w_k - w), w <- w + v. */
function fedAvgM({ beta = 0.9 } = {}): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'fedAvgM',
    citation: 'Hsu et al. 2019, arXiv 1909.06335',
    hyperparameters: { beta },
    // Makes it settable: --set algorithm.beta=0.5
    with: (changes) => fedAvgM({ beta, ...changes }),
    server: {
      initialize: (model) =>
        new Map(
          [...model].map(([name, tensor]): [string, Tensor] => [
            `velocity/${name}`,
            { ...tensor, data: new Float32Array(tensor.data.length) },
          ]),
        ),
      update: ({ model, state, aggregate }) => {
        const nextModel = new Map<string, Tensor>();
        const nextState = new Map<string, Tensor>();
        for (const [name, tensor] of model) {
          const w = tensor.data as Float32Array;
          // The mean of the clients' changes, in float64.
          const delta = aggregate.get(name)!.data as Float64Array;
          const v = state.get(`velocity/${name}`)!.data as Float32Array;
          const velocity = v.map((value, i) => beta * value + delta[i]!);
          nextState.set(`velocity/${name}`, { ...tensor, data: velocity });
          nextModel.set(name, { ...tensor, data: w.map((value, i) => value + velocity[i]!) });
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
