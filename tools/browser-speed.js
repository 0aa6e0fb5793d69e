// How many samples a second a page trains beside Node: the 2NN of McMahan et al. on made-up images, simulated in Chromium (WebAssembly, one
// worker with one thread and with two, two workers) and in Node with one worker thread. Runs take turns; medians are printed.
//   node tools/browser-speed.js [repetitions]
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('..', import.meta.url));
const repetitions = Number(process.argv[2] ?? 3);
const FOLDERS = { fedloom: 'packages/fedloom/dist/page', onnxruntime: 'node_modules/onnxruntime-web/dist' };
const TYPES = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
};

/** Runs here and, as its text, in the page. */
async function samplesPerSecond(fedloom, more) {
  const { arrays, defineTask, sgd, simulate, softmaxCrossEntropy, twoNN } = fedloom;
  const [samples, rounds] = [2000, 6];
  const x = { data: Uint8Array.from({ length: samples * 784 }, (_, at) => (at * 31) % 256), shape: [samples, 784] };
  const y = Array.from({ length: samples }, (_, at) => at % 10);
  const task = defineTask({
    name: 'speed',
    data: arrays({ train: { x, y }, classes: 10, scale: 1 / 255 }),
    model: twoNN(),
    loss: softmaxCrossEntropy(),
    training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.01 }) },
  });
  const times = [];
  for await (const _ of simulate(task, { clients: 4, clientsPerRound: 4, rounds, evaluateEvery: 0, ...more }))
    times.push(performance.now());
  // The first round starts the runtime.
  return (1000 * samples * (rounds - 1)) / (times.at(-1) - times[0]);
}

const server = createServer(async ({ url }, response) => {
  const [, folder, name] = url.split('/');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  const body =
    folder in FOLDERS ? await readFile(join(root, FOLDERS[folder], name)).catch(() => undefined) : '<!doctype html>';
  response.setHeader('Content-Type', TYPES[extname(url)] ?? 'text/html');
  response.end(body);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

async function inPage(more) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const options = JSON.stringify({ ...more, runtime: '/onnxruntime/' });
  const speed = await page.evaluate(
    `import('/fedloom/library.js').then((fedloom) => (${samplesPerSecond})(fedloom, ${options}))`,
  );
  await page.close();
  return speed;
}

const kinds = {
  'page, one worker, one thread': () => inPage({ workers: 1, threads: 1 }),
  'page, one worker, two threads': () => inPage({ workers: 1, threads: 2 }),
  'page, two workers, one thread each': () => inPage({ workers: 2, threads: 1 }),
  'Node, one worker': async () => samplesPerSecond(await import('fedloom'), { workers: 1 }),
  'Node, two workers': async () => samplesPerSecond(await import('fedloom'), { workers: 2 }),
};
const speeds = new Map(Object.keys(kinds).map((kind) => [kind, []]));
for (let at = 0; at < repetitions; at += 1) {
  for (const [kind, run] of Object.entries(kinds)) speeds.get(kind).push(await run());
}
for (const [kind, all] of speeds) {
  const median = all.sort((a, b) => a - b)[Math.floor(all.length / 2)];
  console.log(`${kind.padEnd(36)} ${median.toFixed(0).padStart(7)} samples a second`);
}
await browser.close();
server.close();
