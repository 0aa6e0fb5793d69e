// A federated algorithm of your own on a table: the server moves the model with momentum.
import { accuracy, csv, defineTask, dense, relu, sequential, sgd, softmaxCrossEntropy } from 'fedloom';
import { serverMomentum } from './server-momentum.ts';

export default defineTask({
  name: 'momentum',
  data: csv('patients.csv', {
    label: 'outcome',
    classes: ['healthy', 'ill'],
    inputs: ['age', 'pressure', 'smoker'],
    categories: { smoker: ['no', 'yes'] },
    standardize: { age: { mean: 55, deviation: 12 }, pressure: { mean: 135, deviation: 16 } },
    test: { share: 0.2, seed: 1 },
  }),
  model: sequential([dense(8), relu(), dense(2)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 8, optimizer: sgd({ learningRate: 0.05 }) },
  algorithm: serverMomentum({ momentum: 0.8 }),
});
