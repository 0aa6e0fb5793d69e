// The task that rank 0's Python serves: see server_process.py. Models and updates go through the server as ever; where the
// Python program has an `aggregate` of its own, or makes results, the server asks it over two pipes and waits.

import { readFileSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { decodeSafetensors, defineAlgorithm, defineFold, defineTask, encodeSafetensors, fedAvg } from 'fedloom';

if (process.env.FEDLOOM_COMPAT === undefined) {
  throw new Error(
    'This task belongs to a Python program that uses fedloom.compat: start that one again. To go on with a run that did not ' +
      'finish, start it with FEDLOOM_SERVER_OPTIONS=--resume.',
  );
}
const told = JSON.parse(process.env.FEDLOOM_COMPAT);

// Rank 0 holds the other end as long as it lives. When it dies, so does this process, without a word to the clients: they
// wait for rank 0 to be started again, with --resume.
const lifeline = new Socket({ fd: told.lifeline, readable: true });
lifeline.on('close', () => process.kill(process.pid, 'SIGKILL'));
lifeline.on('error', () => {});
lifeline.resume().unref();

function writeAll(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(told.requests, bytes, at);
}

function readAll(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = readSync(told.replies, bytes, at, length - at, null);
    if (count === 0) throw new Error('The Python program that this server belongs to is gone.');
    at += count;
  }
  return bytes;
}

function send(header, body = new Uint8Array(0)) {
  const text = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(12);
  lengths.writeUInt32LE(text.length);
  lengths.writeBigUInt64LE(BigInt(body.length), 4);
  writeAll(lengths);
  writeAll(text);
  writeAll(body);
}

function ask(header, body) {
  send(header, body);
  const lengths = readAll(12);
  const reply = JSON.parse(readAll(lengths.readUInt32LE()));
  const bytes = readAll(Number(lengths.readBigUInt64LE(4)));
  if (reply.error !== undefined) throw new Error(`The Python program failed: ${reply.error}`);
  return { reply, body: Uint8Array.from(bytes) };
}

const initialModel = decodeSafetensors(Uint8Array.from(readFileSync(told.model)));
const isFloat = ({ dtype }) => dtype.startsWith('float');

/** What a client's parameters were: the model and its change. */
function localModel(base, tensors) {
  return new Map(
    [...base].map(([name, tensor]) => {
      const change = tensors.get(name);
      if (change === undefined) return [name, tensor];
      if (!isFloat(tensor)) return [name, change];
      return [name, { ...tensor, data: tensor.data.map((value, at) => value + change.data[at]) }];
    }),
  );
}

/** Hands a round's updates on to the server update, which alone knows the model that they are differences to. */
function pythonAggregation() {
  const contributionsOf = new WeakMap();
  return defineAlgorithm({
    name: 'pythonAggregate',
    citation: 'aggregate of the Python program',
    hyperparameters: {},
    fold: defineFold({
      name: 'python/all',
      kind: 'individual',
      options: {},
      memoryBytes: (specs, updates) =>
        3 * updates * specs.reduce((sum, { shape }) => sum + 8 * shape.reduce((a, b) => a * b, 1), 0),
      combine(contributions, specs) {
        const aggregate = new Map(specs.map((spec) => [spec.name, contributions[0].update.tensors.get(spec.name)]));
        contributionsOf.set(aggregate, contributions);
        return aggregate;
      },
    }),
    server: {
      initialize: () => new Map(),
      update({ round, model, aggregate }) {
        for (const { update } of contributionsOf.get(aggregate)) {
          const { client, facts, tensors } = update;
          send({ op: 'update', client, samples: facts.sampleCount }, encodeSafetensors(localModel(model, tensors)));
        }
        const { body } = ask({ op: 'aggregate', round }, encodeSafetensors(model));
        return { model: decodeSafetensors(body), state: new Map() };
      },
    },
  });
}

const resultAggregator = {
  aggregate(round, results) {
    const given = [...results].map(([client, one]) => [
      client,
      { result: one.results, sample_number: one.sampleCount },
    ]);
    return ask({ op: 'results', round, results: Object.fromEntries(given) }).reply.results;
  },
};

/** The server's: it holds the model to begin with, and tests nothing itself. */
const trainer = () => ({
  getModelParams: () => initialModel,
  setModelParams() {},
  train() {
    throw new Error('The server does not train.');
  },
  test: () => ({ results: {}, sampleCount: 0 }),
});

export default defineTask({
  name: told.name,
  trainer,
  algorithm: told.aggregate ? pythonAggregation() : fedAvg(),
  ...(told.results && { resultAggregator }),
});
