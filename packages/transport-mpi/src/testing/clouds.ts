/** Three Gaussian clouds and logistic regression, as a task file: a run takes a second. */
export const CLOUDS = `
import { accuracy, arrays, defineTask, dense, RandomStream, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

const random = RandomStream.of(7, 'clouds');
const draw = (count) => ({
  x: Array.from({ length: count }, (_, i) => [0, 1, 2].map((at) => (at === i % 3 ? 2 : 0) + random.normal())),
  y: Array.from({ length: count }, (_, i) => i % 3),
});
export default defineTask({
  name: 'clouds',
  data: arrays({ name: 'clouds', train: draw(600), test: draw(150), classes: 3 }),
  model: sequential([dense(3)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 8, optimizer: sgd({ learningRate: 0.1 }) },
});
`;
