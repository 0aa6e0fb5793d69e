export { pattern } from '../../conformance/bytes.js';

import { clientIndex, hashFrom, versionNumber } from '../../core/brands.js';
import type { Message, UpdateMessage } from '../messages.js';

const hash = hashFrom(`sha256:${'0123456789abcdef'.repeat(4)}`);

const base = { model: 'model', number: versionNumber(3), hash };

export const update: UpdateMessage = {
  type: 'update',
  task: 3,
  attempt: 0,
  client: clientIndex(7),
  base,
  facts: { sampleCount: 600, stepCount: 60, meanLoss: 0.25 },
  trainMs: 12.5,
};

/** One valid message of every type, with every optional field. */
export const examples: { readonly [T in Message['type']]: Extract<Message, { readonly type: T }> } = {
  hello: { type: 'hello', versions: [2], software: 'fedloom/0.1.0', capabilities: ['resume', '!secure-aggregation'] },
  challenge: { type: 'challenge', version: 2, methods: ['none'], nonce: '00112233445566778899aabbccddeeff' },
  auth: { type: 'auth', method: 'none', proof: 'c0ffee', run: '2026-11-23T18-39-mnist' },
  welcome: {
    type: 'welcome',
    session: 's-1',
    run: '2026-11-23T18-39-mnist',
    software: 'fedloom/0.1.0',
    clients: 100,
    seed: 0,
    workload: { kind: 'plan', hash, frozen: hash },
    algorithm: 'FedAvg',
    needs: ['initialLoss'],
    capabilities: ['acme/battery'],
    stages: [{ name: 'topK', options: { fraction: 0.01 } }],
  },
  join: {
    type: 'join',
    clients: [
      { from: 0, count: 50, clientId: 'hospital-north' },
      { from: 60, count: 1 },
    ],
  },
  joined: { type: 'joined', clients: [{ from: 0, count: 50 }] },
  leave: { type: 'leave', clients: [{ from: 0, count: 1 }] },
  getPlan: { type: 'getPlan', hash },
  plan: { type: 'plan', hash },
  getFrozen: { type: 'getFrozen', hash },
  frozen: { type: 'frozen', hash },
  model: { type: 'model', version: base },
  train: {
    type: 'train',
    task: 3,
    attempt: 0,
    clients: [clientIndex(7), clientIndex(9)],
    base,
    scalars: { learningRate: 0.2 },
  },
  update,
  failed: {
    type: 'failed',
    task: 3,
    attempt: 0,
    client: clientIndex(7),
    phase: 'train',
    code: 'data.missing',
    message: 'Größe 0 – 数据',
  },
  settled: {
    type: 'settled',
    task: 3,
    attempt: 0,
    clients: [clientIndex(7)],
    counted: false,
    code: 'update.late',
    reason: 'late',
  },
  evaluate: { type: 'evaluate', round: 3, clients: [{ from: 0, count: 100 }], model: base },
  forget: { type: 'forget', versions: [base] },
  evaluations: {
    type: 'evaluations',
    round: 3,
    entries: [
      {
        client: clientIndex(7),
        sampleCount: 100,
        statistics: { loss: { sum: 12.5, weight: 100 } },
        results: { perClass: [0.9, 1] },
      },
    ],
  },
  finish: { type: 'finish', reason: 'completed', message: '' },
  grant: { type: 'grant', stream: 1, bytes: 1 },
  decline: { type: 'decline', stream: 1 },
  error: { type: 'error', code: 'protocol.version', message: 'No common version.' },
};
