import {
  accuracy,
  arrays,
  conv2d,
  definePartition,
  defineTask,
  dense,
  flatten,
  maxPool2d,
  type PlanTask,
  RandomStream,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from 'fedloom';

const SIDE = 8;
const PIXELS = SIDE * SIDE;
const CLASSES = 3;
export const SAMPLES_EACH = 30;

/** Noisy images of `CLASSES` kinds: the samples of client 0, then those of client 1, and so on. */
function images(count: number, purpose: string) {
  const random = RandomStream.of(11, purpose);
  const y = Int32Array.from({ length: count }, (_, i) => i % CLASSES);
  const x = new Uint8Array(count * PIXELS);
  for (let at = 0; at < x.length; at += 1) {
    const [label, pixel] = [y[Math.floor(at / PIXELS)] ?? 0, at % PIXELS];
    const lit = Math.floor(pixel / SIDE) % CLASSES === label;
    x[at] = Math.floor(random.next() * 120) + (lit ? 130 : 0);
  }
  return { x: { data: x, shape: [count, 1, SIDE, SIDE] }, y };
}

/** Clients hold the samples in their order. */
const inOrder = definePartition({
  name: 'in order',
  partition: ({ y }, clients) => {
    const count = y.shape[0] ?? 0;
    const offsets = Int32Array.from({ length: clients + 1 }, (_, i) => Math.floor((count * i) / clients));
    return { offsets, rows: Int32Array.from({ length: count }, (_, row) => row) };
  },
});

/** A small convolutional network on images, with what each client holds as its page has it. */
export function digits(clients: number, localEpochs = 2) {
  const [train, test] = [images(clients * SAMPLES_EACH, 'train'), images(clients * 5, 'test')];
  const task: PlanTask = defineTask({
    name: 'digits',
    data: arrays({ name: 'digits', train, test, classes: CLASSES, scale: 1 / 255 }),
    partition: inOrder,
    model: sequential([conv2d(4, { kernel: 3 }), relu(), maxPool2d({ kernel: 2 }), flatten(), dense(CLASSES)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs, batchSize: 10, optimizer: sgd({ learningRate: 0.05 }) },
  });
  const part = ({ x, y }: typeof train, each: number, client: number) => ({
    x: Array.from(x.data.subarray(client * each * PIXELS, (client + 1) * each * PIXELS)),
    y: Array.from(y.subarray(client * each, (client + 1) * each)),
  });
  return {
    task,
    dataOf: (client: number) => ({ train: part(train, SAMPLES_EACH, client), test: part(test, 5, client) }),
  };
}
