// Records a run of two rounds over real sockets: the server, one client process with two clients, and every frame between
// them. Writes data/transcript/ and the section of PROTOCOL.md that shows it; `--check` records anew and compares, but for
// what a run draws or measures (nonce, session, times).
//
// SCAFFOLD on a dense layer, as in protocol.js, so that clients keep private state. All numbers are such that each operation
// is exact in float32: whoever follows the protocol sends the same bodies, on any processor.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  arrays,
  createServer,
  defineTask,
  dense,
  encodeSafetensors,
  joinFederation,
  meanSquaredError,
  scaffold,
  sequential,
  sgd,
} from 'fedloom';
import { WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, readFrames, transcriptText, writeFrames } from './transcript-text.js';

const folder = fileURLToPath(new URL('data/transcript', import.meta.url));
const document = fileURLToPath(new URL('../../PROTOCOL.md', import.meta.url));
const section = /(```text transcript\n)[^`]*(```\n)/;

const CLIENTS = [
  { train: { x: [1, 0, -1, 1], y: [2, -1] }, test: { x: [1, 1, 0, -1], y: [1, 0] } },
  { train: { x: [0, 1, 2, -1], y: [1, 0] }, test: { x: [-1, 0], y: [1] } },
];
const DATA = { x: { dtype: 'float32', shape: [2] }, y: { dtype: 'float32', shape: [1] } };

const float32 = (shape, data) => ({ dtype: 'float32', shape, data: Float32Array.from(data) });
const splitOf = ({ x, y }) => ({ x: float32([y.length, 2], x), y: float32([y.length, 1], y) });

const task = defineTask({
  name: 'tiny',
  // Clients have their own; the server tests on these.
  data: arrays({
    name: 'tiny',
    ...Object.fromEntries(['train', 'test'].map((split) => [split, splitOf(CLIENTS[0][split])])),
  }),
  model: sequential([dense(1)]),
  loss: meanSquaredError(),
  training: { localEpochs: 2, batchSize: 1, optimizer: sgd({ learningRate: 0.25 }) },
  algorithm: scaffold(),
});

function writeParts() {
  for (const [index, client] of CLIENTS.entries()) {
    const place = `${folder}/client-${index}`;
    mkdirSync(place, { recursive: true });
    for (const split of ['train', 'test']) {
      writeFileSync(
        `${place}/${split}.safetensors`,
        encodeSafetensors(new Map(Object.entries(splitOf(client[split])))),
      );
    }
    const samples = { train: client.train.y.length, test: client.test.y.length };
    const part = { format: 1, name: 'tiny', index, clients: CLIENTS.length, samples, data: DATA };
    writeFileSync(`${place}/part.json`, `${JSON.stringify(part, undefined, 2)}\n`);
  }
}

/** A server between the client and the real one that keeps every frame. */
async function recorder(url) {
  const frames = [];
  const between = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await new Promise((resolve) => between.once('listening', resolve));
  between.on('connection', (client) => {
    const server = new WebSocket(url, { perMessageDeflate: false });
    const open = new Promise((resolve) => server.once('open', resolve));
    client.on('message', (frame) => {
      frames.push({ from: 'client', frame });
      void open.then(() => server.send(frame));
    });
    server.on('message', (frame) => {
      frames.push({ from: 'server', frame });
      client.send(frame);
    });
    client.on('close', (code, reason) => server.close(code, reason));
    server.on('close', (code, reason) => client.close(code, reason));
  });
  return { url: `ws://127.0.0.1:${between.address().port}/`, frames, close: () => between.close() };
}

async function record() {
  const server = await createServer(task, {
    clients: CLIENTS.length,
    clientsPerRound: CLIENTS.length,
    rounds: 2,
    seed: -3,
    run: 'tiny',
    listen: { port: 0 },
    initialModel: new Map([
      ['0.bias', float32([1], [0.5])],
      ['0.weight', float32([1, 2], [1, -0.5])],
    ]),
  });
  const line = await recorder(server.url);
  try {
    const clients = [{ from: 0, count: CLIENTS.length }];
    await Promise.all([server.result, joinFederation(line.url, { clients, dataDir: folder, workers: 1 })]);
    return line.frames;
  } finally {
    line.close();
    await server.close();
  }
}

/** What is the same in every recording: messages without what is drawn or measured, in an order of their own. */
function sameOf(frames) {
  return frames
    .map(({ from, frame }) => {
      const { kind, text, body = Buffer.alloc(0) } = decodeFrame(frame);
      const { nonce, session, trainMs, ...message } = JSON.parse(text);
      return `${from} ${kind} ${JSON.stringify(message)} ${body.toString('hex')}`;
    })
    .sort();
}

function complain(what) {
  process.stderr.write(`${what}\n`);
  process.exitCode = 1;
}

if (process.argv.includes('--check')) {
  const kept = readFrames(readFileSync(`${folder}/frames.txt`, 'utf8'));
  const shown = section.exec(readFileSync(document, 'utf8'))?.[0];
  if (shown !== `\`\`\`text transcript\n${transcriptText(kept)}\`\`\`\n`) {
    complain(
      'PROTOCOL.md section 15 does not show what data/transcript/frames.txt holds: run tools/goldens/transcript.js',
    );
  }
  const [now, before] = [sameOf(await record()), sameOf(kept)];
  const differ = now.findIndex((line, at) => line !== before[at]);
  if (differ >= 0 || now.length !== before.length) {
    complain(`the recorded run is not what the code makes of it now:\n${before[differ]}\n${now[differ]}`);
  }
} else {
  writeParts();
  const frames = await record();
  writeFileSync(`${folder}/frames.txt`, writeFrames(frames));
  const text = readFileSync(document, 'utf8');
  writeFileSync(
    document,
    text.replace(section, (_, begin, end) => `${begin}${transcriptText(frames)}${end}`),
  );
}
