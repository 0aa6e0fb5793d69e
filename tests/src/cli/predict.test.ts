import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describePython, PYTHON } from '../integration/python.js';
import { CLOUDS, Workplace } from './fedloom.js';

const PICTURES = `
import { accuracy, arrays, defineTask, dense, flatten, images, sequential, sgd, softmaxCrossEntropy } from 'fedloom';

/** Grey pictures of 8 x 8 pixels, dark in class 0 and bright in class 1. */
function draw(count: number) {
  const y = Array.from({ length: count }, (_, i) => i % 2);
  const data = Uint8Array.from({ length: 64 * count }, (_, i) => 150 * (y[Math.floor(i / 64)] ?? 0) + (i % 50));
  return { x: { data, shape: [count, 8, 8] }, y };
}
const drawn = arrays({ train: draw(40), test: draw(10), classes: 2, scale: 1 / 255 });
const folder = images('drawn/client_1_train', { size: [8, 8], channels: 1 });

export const task = (data: typeof drawn) =>
  defineTask({
    name: 'pictures',
    data,
    model: sequential([flatten(), dense(2)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 5, batchSize: 4, optimizer: sgd({ learningRate: 0.1 }) },
  });
export default task(DATA);
`;

const TEXTS = `
import { binaryCrossEntropyWithLogits, defineTask, dense, embeddingBag, sequential, sgd, texts } from 'fedloom';

export default defineTask({
  name: 'reviews',
  data: texts('reviews.csv', { text: 'review', label: 'stars', classes: 2, length: 4, vocabulary: ['good', 'bad'] }),
  model: sequential([embeddingBag(4, 2, { padding: 0 }), dense(1)]),
  loss: binaryCrossEntropyWithLogits(),
  training: { localEpochs: 40, batchSize: 2, optimizer: sgd({ learningRate: 0.5 }) },
});
`;

const table = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => line.split(','));

it('predict takes pictures as the task reads its own, and names their files', async () => {
  const place = await Workplace.create({
    'drawn.ts': PICTURES.replace('DATA', 'drawn'),
    'task.ts': PICTURES.replace('DATA', 'folder'),
  });
  expect((await place.run('partition drawn.ts --clients 1 --format images --out drawn')).code).toBe(0);
  await place.run('run task.ts 2 2 4');
  const bright = 'drawn/client_1_test/1';
  const { code, stdout } = await place.run(`predict latest --input ${bright}`);
  expect(code).toBe(0);
  const [header, ...rows] = table(stdout);
  expect(header).toEqual(['file', 'label', 'probabilities_0', 'probabilities_1']);
  const files = (await readdir(join(place.path, bright))).sort();
  expect(rows.map(([file, label]) => [file, label])).toEqual(files.map((file) => [file, '1']));
  const one = await place.run(
    `predict latest --input drawn/client_1_test/0/${(await readdir(join(place.path, 'drawn/client_1_test/0')))[0]} --format json`,
  );
  expect(JSON.parse(one.stdout)).toMatchObject({ file: expect.stringMatching(/\.png$/), label: '0' });
  const all = table((await place.run('predict latest --input drawn/client_1_test')).stdout).slice(1);
  expect(all).toHaveLength(10);
  expect(all.map(([file]) => file?.split('/')[0])).toEqual(all.map(([, label]) => label));
});

it('predict takes a text a line', async () => {
  const reviews = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'so good,1' : 'so bad,0')).join('\n');
  const place = await Workplace.create({
    'task.ts': TEXTS,
    'reviews.csv': `review,stars\n${reviews}\n`,
    'new.txt': 'Bad!\nVery good\nbad bad\n',
  });
  await place.run('run task.ts 2 2 5');
  const { code, stdout, stderr } = await place.run('predict latest --input new.txt');
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^3 samples of new\.txt/)]);
  expect(table(stdout).map(([label]) => label)).toEqual(['label', '0', '1', '0']);
  await place.write('new.csv', 'id,review\n1,"so, so good"\n2,bad\n');
  const rows = table((await place.run('predict latest --input new.csv')).stdout);
  expect(rows.map(([label]) => label)).toEqual(['label', '1', '0']);
});

it('predict refuses texts and pictures where the task has none', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS, 'new.txt': 'a\n', 'new.png': '' });
  await place.run('run task.ts 2 2 1');
  expect((await place.run('predict latest --input new.txt')).stderr).toMatch(/the data of its task are no texts/);
  expect((await place.run('predict latest --input new.png')).stderr).toMatch(/the data of its task are no pictures/);
});

describePython('predict', () => {
  it('takes what numpy wrote', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    await place.run('run task.ts 2 2 1');
    const code =
      "import numpy; numpy.savez_compressed('new.npz', x=numpy.ones((3, 6))); numpy.savez('bad.npz', x=numpy.ones((3, 5)))";
    expect(spawnSync(PYTHON, ['-c', code], { cwd: place.path }).status).toBe(0);
    expect(table((await place.run('predict latest --input new.npz')).stdout)).toHaveLength(4);
    const refused = await place.run('predict latest --input bad.npz');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/has shape \[3, 5\], 15 numbers; expected is \[samples, 6\]/);
  });
});

it('begins a path that is typed in the working folder, and ends quietly where nobody reads on', async () => {
  const rows = (count: number) => `a,b,outcome\n${'1,2,yes\n3,4,no\n'.repeat(count / 2)}`;
  const task = `
    import { csv, defineTask, dense, sequential, sgd, softmaxCrossEntropy } from 'fedloom';
    export default defineTask({
      name: 'rows',
      data: csv('rows.csv', { label: 'outcome', classes: ['yes', 'no'] }),
      model: sequential([dense(2)]),
      loss: softmaxCrossEntropy(),
      training: { localEpochs: 1, batchSize: 2, optimizer: sgd({ learningRate: 0.1 }) },
    });`;
  const place = await Workplace.create({ 'task/task.ts': task, 'task/rows.csv': rows(40), 'rows.csv': rows(2) });
  expect((await place.run('run task/task.ts 2 1 1')).code).toBe(0);
  const [header, ...lines] = table((await place.run('predict latest --input rows.csv')).stdout);
  expect(header).toEqual(['label', 'probabilities_yes', 'probabilities_no']);
  expect(lines.map(([label]) => label)).toEqual([
    expect.stringMatching(/^(yes|no)$/),
    expect.stringMatching(/^(yes|no)$/),
  ]);

  await place.write('many.csv', rows(40_000));
  const command = place.start('predict latest --input many.csv');
  command.child.stdout?.once('data', () => command.child.stdout?.destroy());
  const { code, stderr } = await command.ended;
  expect({ code, stderr: stderr.replace(/ of .*\n/, '') }).toEqual({ code: 0, stderr: '40,000 samples' });
});
