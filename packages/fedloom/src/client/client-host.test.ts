import { expect, it } from 'vitest';
import type { ClientExecutor, EvaluateJob } from '../compute/executor.js';
import { systemClock } from '../core/clock.js';
import { sha256 } from '../core/node/sha256.js';
import { encodeSafetensors } from '../core/safetensors.js';
import { ByteBudget } from '../protocol/byte-budget.js';
import { Channel } from '../protocol/channel.js';
import { defaultLimits } from '../protocol/limits.js';
import type { Evaluations, ServerMessage } from '../protocol/messages.js';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import { ClientHost } from './client-host.js';
import { diskStateStore } from './node/disk-state-store.js';

/** Evaluations end when the test says so, and tell the round whose model they were asked to look at. */
function slowExecutor() {
  const asked: { job: EvaluateJob; end: () => void }[] = [];
  const executor: ClientExecutor = {
    concurrency: 1,
    evaluationGroup: 1,
    prepare: async () => {},
    train: () => new Promise(() => {}),
    evaluate: (job) =>
      new Promise((resolve) => {
        const evaluation = { statistics: { round: { sum: job.round, weight: 1 } }, sampleCount: 1 };
        asked.push({ job, end: () => resolve(job.clients.map((client) => ({ client, evaluation }))) });
      }),
    close: async () => {},
  };
  return { executor, asked };
}

it('never reports an evaluation of one round under another', async () => {
  const transport = memoryTransport();
  const { executor, asked } = slowExecutor();
  const evaluations: Evaluations[] = [];
  let server: Channel | undefined;
  let joined: () => void = () => {};
  const hasJoined = new Promise<void>((resolve) => {
    joined = resolve;
  });
  const listener = transport.listen((connection) => {
    const say = (message: ServerMessage) => server?.send(message);
    server = new Channel(connection, {
      role: 'server',
      budget: new ByteBudget(1 << 20),
      onMessage: (message, _body, release) => {
        if (message.type === 'hello') say({ type: 'challenge', version: 2, methods: ['none'], nonce: '00'.repeat(16) });
        const workload = { kind: 'trainer' as const, task: 't' };
        const run = { run: 'r', software: 's', clients: 3, seed: 0, algorithm: 'fedAvg', needs: [], stages: [] };
        if (message.type === 'auth') say({ type: 'welcome', session: 's0', workload, ...run });
        if (message.type === 'join') {
          say({ type: 'joined', clients: message.clients });
          joined();
        }
        if (message.type === 'evaluations') evaluations.push(message);
        release();
      },
      onClosed: () => {},
    });
  });
  const states = diskStateStore();
  const host = new ClientHost({
    clients: [{ from: 0, count: 3 }],
    executor,
    states,
    clock: systemClock,
    hash: sha256,
    budget: new ByteBudget(1 << 20),
    limits: defaultLimits,
    software: 'test',
    decodePlan: () => {
      throw new Error('no plan');
    },
  });
  const serving = host.serve(await transport.dial(listener.url));
  await hasJoined;
  const body = encodeSafetensors(new Map([['w', { dtype: 'float32', shape: [1], data: Float32Array.of(1) }]]));
  const model = { model: 'model', number: 0, hash: sha256(body) };
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  server?.send({ type: 'model', version: model }, body);
  server?.send({ type: 'evaluate', round: 0, clients: [{ from: 0, count: 3 }], model });
  await until(() => asked.length === 1);
  asked[0]?.end();
  await until(() => asked.length === 2);
  // The evaluation's deadline has passed: the server goes on while client 1 still works and client 0's result waits.
  server?.send({ type: 'evaluate', round: 0, clients: [], model });
  server?.send({ type: 'evaluate', round: 1, clients: [{ from: 0, count: 3 }], model });
  const reported = () => evaluations.reduce((sum, { entries }) => sum + entries.length, 0);
  let ended = 1;
  await until(() => {
    while (ended < asked.length) asked[ended++]?.end();
    return reported() >= 3;
  });
  for (const { round, entries } of evaluations) {
    for (const { statistics } of entries) expect(statistics.round?.sum).toBe(round);
  }
  expect(reported()).toBe(3);
  server?.close();
  await serving;
  await states.close();
});
