// Points in the plane, in three arms of a spiral, each of a kind: the same task for Node and for a page.
//   npx fedloom run examples/browser-digits/arms.ts --clients 10 --per-round 5 --rounds 40
import {
  accuracy,
  adam,
  arrays,
  defineTask,
  dense,
  dirichlet,
  RandomStream,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from 'fedloom';

export const ARMS = 3;
const POINTS = 600;

/** Points of the three arms in turn, within -1 and 1. */
export function points(count: number, purpose: string) {
  const random = RandomStream.of(7, purpose);
  const x: [number, number][] = [];
  const y: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const arm = at % ARMS;
    const far = random.next();
    const angle = (2 * Math.PI * arm) / ARMS + 3.5 * far + 0.35 * (random.next() - 0.5);
    x.push([far * Math.cos(angle), far * Math.sin(angle)]);
    y.push(arm);
  }
  return { x, y };
}

export default defineTask({
  name: 'arms',
  data: arrays({ name: 'arms', train: points(POINTS, 'train'), test: points(POINTS / 2, 'test'), classes: ARMS }),
  // Each client has mostly points of one or two kinds.
  partition: dirichlet({ alpha: 0.5 }),
  model: sequential([dense(32), tanh(), dense(ARMS)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 5, batchSize: 10, optimizer: adam({ learningRate: 0.01 }) },
});
