import {
  accuracy,
  arrays,
  defineTask,
  dense,
  type Sampler,
  sequential,
  sgd,
  softmaxCrossEntropy,
  type Tensor,
} from 'fedloom';

const FEATURES = 2_000;
const CLASSES = 10;

/** Clients 0 to 3 are honest, and only they train; whoever attacks may be any of the others. */
export const HONEST = 4;
const honestFirst: Sampler = {
  name: 'honest-first',
  permutation: (_round, clients) => Int32Array.from({ length: clients }, (_, client) => client),
};

function split(samples: number) {
  const x = Float32Array.from({ length: samples * FEATURES }, (_, i) => Math.sin(i));
  const y = Int32Array.from({ length: samples }, (_, i) => i % CLASSES);
  return { x: { data: x, shape: [samples, FEATURES] }, y };
}

/** Its model, and each update of it, has 80 kB: too much to travel with its message. */
const plan = defineTask({
  name: 'attacked',
  data: arrays({ train: split(408), test: split(10), classes: CLASSES }),
  model: sequential([dense(CLASSES)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.01 }) },
});

const vector = (value: number): Tensor => ({ dtype: 'float32', shape: [1], data: Float32Array.of(value) });

/** Training code of its own, whose results nobody knows before. */
const own = defineTask({
  name: 'attacked-own',
  trainer: ({ index }) => {
    let model = new Map([['w', vector(0)]]);
    return {
      getModelParams: () => model,
      setModelParams: (params) => {
        model = new Map(params as Map<string, Tensor>);
      },
      train: () => {
        model = new Map([['w', vector((model.get('w')?.data[0] as number) + index)]]);
        return { sampleCount: 1 };
      },
      test: () => ({ results: { score: index }, sampleCount: index < 0 ? 0 : 1 }),
    };
  },
});

export const tasks = { plan, own };

export const sizeFor = (clients: number, rounds: number) => ({
  clients,
  clientsPerRound: HONEST,
  rounds,
  minimumClients: HONEST,
  sampler: honestFirst,
});
