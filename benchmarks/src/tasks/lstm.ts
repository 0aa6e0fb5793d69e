// The character LSTM on made-up texts, the same as in the peer.
import { accuracy, arrays, characterLstm, defineTask, sgd, softmaxCrossEntropy } from 'fedloom';

const CHARACTERS = 90;
const CONTEXT = 80;
const TRAIN_TEXTS = 6_000;
const TEST_TEXTS = 1_000;

/** Characters at a distance of 1 to 4 from each other, of which the next is the label. */
function texts(first: number, count: number) {
  const character = (sample: number, place: number) => (sample * 7 + place * (1 + (sample % 4))) % CHARACTERS;
  const samples = Array.from({ length: count }, (_, index) => first + index);
  const data = samples.flatMap((sample) => Array.from({ length: CONTEXT }, (_, place) => character(sample, place)));
  return {
    x: { data: Uint8Array.from(data), shape: [count, CONTEXT] },
    y: samples.map((one) => character(one, CONTEXT)),
  };
}

export default defineTask({
  name: 'bench-lstm',
  data: arrays({ train: texts(0, TRAIN_TEXTS), test: texts(TRAIN_TEXTS, TEST_TEXTS), classes: CHARACTERS }),
  model: characterLstm(),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.5 }) },
});
