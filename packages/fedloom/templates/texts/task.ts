// Short texts as a federated task: who liked the café, from what they wrote.
import { accuracy, defineTask, dense, embeddingBag, sequential, sgd, softmaxCrossEntropy, texts } from 'fedloom';

// Fixed here, and not by each client on its own texts: clients must number the words alike. `npx fedloom statistics task.ts` prints
// the most frequent words of the file.
const VOCABULARY = [
  ...['warm', 'friendly', 'fresh', 'quick', 'lovely', 'generous', 'quiet', 'fair'],
  ...['cold', 'rude', 'stale', 'slow', 'dirty', 'tiny', 'noisy', 'dear'],
  ...['coffee', 'soup', 'bread', 'waiter', 'room', 'table', 'cake', 'service'],
];

export default defineTask({
  name: 'reviews',
  data: texts('reviews.csv', {
    text: 'review',
    label: 'verdict',
    classes: ['disliked', 'liked'],
    vocabulary: VOCABULARY,
    length: 20,
    test: { share: 0.2, seed: 1 },
  }),
  // 0 fills texts up, and 1 is every word that the vocabulary does not have.
  model: sequential([embeddingBag(VOCABULARY.length + 2, 8, { padding: 0 }), dense(2)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 4, batchSize: 4, optimizer: sgd({ learningRate: 0.5 }) },
});
