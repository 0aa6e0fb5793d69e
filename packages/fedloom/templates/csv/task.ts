// A table as a federated task: rows of patients.csv are dealt to clients, and none of them ever leaves its client.
import { accuracy, csv, defineTask, dense, fedAvg, iid, relu, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

export default defineTask({
  name: 'patients',
  data: csv('patients.csv', {
    label: 'outcome',
    classes: ['healthy', 'ill'],
    categories: { sex: ['f', 'm'], smoker: ['no', 'yes'] },
    ignore: ['hospital'],
    // Fixed here, and not by each client on its own rows: clients must agree on what a number means.
    standardize: {
      age: { mean: 55, deviation: 12 },
      pressure: { mean: 135, deviation: 16 },
      cholesterol: { mean: 220, deviation: 32 },
    },
    missing: 'mean',
    test: { share: 0.2, seed: 1 },
  }),
  partition: iid(),
  model: sequential([dense(16), relu(), dense(2)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 2, batchSize: 8, optimizer: sgd({ learningRate: 0.1 }) },
  algorithm: fedAvg(),
});
