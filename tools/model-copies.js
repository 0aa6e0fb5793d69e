// How many copies of a large model a server holds: the most resident memory that its process had in each phase of a run, above
// what it had before it knew of the model, as a multiple of the model's bytes. The clients have a process of their own. Linux.
//   node tools/model-copies.js [--megabytes 100] [--clients 4] [--rounds 3] [--kind trainer|plan] [--algorithm fedAvg]
// The exact fold of float32 parameters takes 5 of these copies: 16 bytes a parameter for its sums, 4 for an update that waits.
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  arrays,
  createServer,
  defineTask,
  dense,
  fedAdam,
  fedAvg,
  folderStorage,
  joinFederation,
  relu,
  scaffold,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from 'fedloom';

const options = {
  role: { type: 'string', default: 'all' },
  megabytes: { type: 'string', default: '100' },
  clients: { type: 'string', default: '4' },
  rounds: { type: 'string', default: '3' },
  kind: { type: 'string', default: 'trainer' },
  algorithm: { type: 'string', default: 'fedAvg' },
  journal: { type: 'string', default: '' },
  url: { type: 'string', default: '' },
};
const { values } = parseArgs({ options });
const clients = Number(values.clients);
const elements = Math.round(Number(values.megabytes) * 250_000);
const modelBytes = 4 * elements;
const algorithm = { fedAvg, fedAdam: () => fedAdam({ serverLearningRate: 0.1 }), scaffold }[values.algorithm]();
const task = { trainer: trainerTask, plan: planTask }[values.kind]();

if (values.role === 'server') await serve();
else if (values.role === 'clients')
  await joinFederation(values.url, { clients: [{ from: 0, count: clients }], task, workers: 1 });
else await measure();

/** Training code whose model at the server is gone once it was given. */
function trainerTask() {
  return defineTask({
    name: 'copies',
    algorithm,
    trainer: ({ index }) => {
      let model;
      return {
        getModelParams: () => model ?? { w: new Float32Array(elements).fill(0.01) },
        setModelParams: (params) => {
          if (index >= 0) model = params;
        },
        train: () => {
          const { data } = model.get('w');
          for (let i = 0; i < data.length; i += 1) data[i] += 1e-3 * (index + 1);
          return { sampleCount: 10 + index };
        },
        test: () => ({ results: {}, sampleCount: 0 }),
      };
    },
  });
}

/** Two layers of as many weights as asked for. */
function planTask() {
  const width = Math.round(Math.sqrt(elements));
  const split = (samples) => ({
    x: { data: Float32Array.from({ length: samples * width }, (_, i) => Math.sin(i)), shape: [samples, width] },
    y: Int32Array.from({ length: samples }, (_, i) => i % 10),
  });
  return defineTask({
    name: 'copies-plan',
    algorithm,
    data: arrays({ train: split(4 * clients), test: split(4), classes: 10 }),
    model: sequential([dense(width), relu(), dense(10)]),
    loss: softmaxCrossEntropy(),
    training: { localEpochs: 1, batchSize: 4, optimizer: sgd({ learningRate: 1e-3 }) },
  });
}

async function serve() {
  const before = memory().now;
  let phase = 'start';
  const most = {};
  const note = (next = phase) => {
    const { most: peak, now } = memory();
    const known = most[phase] ?? { most: 0, left: 0 };
    most[phase] = { most: Math.max(known.most, peak - before), left: Math.max(known.left, now - before) };
    if (next === phase) return;
    phase = next;
    // The peak begins anew.
    writeFileSync('/proc/self/clear_refs', '5');
  };
  writeFileSync('/proc/self/clear_refs', '5');
  const server = await createServer(task, {
    ...{ clients, clientsPerRound: clients, rounds: Number(values.rounds), workers: 1, deadlineMs: 600_000 },
    journal: { storage: await folderStorage(values.journal) },
  });
  note('wait for clients');
  process.send({ url: server.url });
  server.run.once('roundStarted', () => note('first update'));
  let updates = 0;
  server.run.on('update', () => {
    updates += 1;
    if (updates === 1) note('other updates');
    if (updates % clients === 0) note('candidate');
  });
  server.run.on('evaluating', () => note('evaluation and disk'));
  server.run.on('round', () => note('other updates'));
  const { modelHash } = await server.result;
  note('end');
  note();
  process.send({ most, modelHash });
  process.disconnect();
}

function memory() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
  return { most: of('VmHWM'), now: of('VmRSS') };
}

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-copies-'));
  const start = (role, more) => {
    const given = Object.entries({ ...values, role, ...more }).map(([name, value]) => `--${name}=${value}`);
    return fork(fileURLToPath(import.meta.url), given);
  };
  try {
    const server = start('server', { journal: join(folder, 'journal') });
    const heard = () => new Promise((resolve, reject) => server.once('message', resolve).once('exit', reject));
    const { url } = await heard();
    const hosts = start('clients', { url });
    const { most, modelHash } = await heard();
    hosts.kill();
    const copies = (bytes) => (bytes / modelBytes).toFixed(2).padStart(8);
    process.stdout.write(
      `a model of ${(modelBytes / 1e6).toFixed(0)} MB, ${modelHash}\nphase                     most    left, in models\n`,
    );
    for (const [name, { most: peak, left }] of Object.entries(most)) {
      process.stdout.write(`${name.padEnd(22)}${copies(peak)}${copies(left)}\n`);
    }
    process.stdout.write(`${'all'.padEnd(22)}${copies(Math.max(...Object.values(most).map(({ most }) => most)))}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
