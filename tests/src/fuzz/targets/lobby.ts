import {
  decodeFrame,
  encodeChunk,
  encodeControl,
  encodeInline,
} from '../../../../packages/fedloom/dist/protocol/codec.js';
import type { Message, Train } from '../../../../packages/fedloom/dist/protocol/messages.js';
import { NONCE, ServedRun } from '../served-run.js';
import { joined, partsIn, type Target } from '../target.js';

const HELLO: Message = { type: 'hello', versions: [2], software: 'fuzzer', capabilities: [] };
const AUTH: Message = { type: 'auth', method: 'none' };
const JOIN: Message = { type: 'join', clients: [{ from: 0, count: 2 }] };
const FACTS = { sampleCount: 2, stepCount: 1 };

/** A whole server and its run, and one connection that says whatever it likes. */
export const target: Target = {
  seeds: async () => {
    const entering = [HELLO, AUTH, JOIN].map((message) => encodeControl(message));
    const served = await ServedRun.open();
    for (const frame of entering) await served.say(frame);
    const train = served.heard.flatMap((frame) => trainIn(frame))[0];
    const body = served.updateBody;
    await served.end();
    if (train === undefined) throw new Error('nobody was asked to train');
    const { task, attempt, base, clients } = train;
    const updates = clients.map((client) => ({
      type: 'update' as const,
      ...{ task, attempt, client, base, facts: FACTS, trainMs: 1 },
    }));
    const [first] = updates;
    if (first === undefined) throw new Error('no client was asked to train');
    const evaluations: Message = {
      type: 'evaluations',
      round: 0,
      entries: clients.map((client) => ({ client, sampleCount: 1, statistics: {}, results: { loss: 0.5 } })),
    };
    const failed: Message = { ...first, type: 'failed', phase: 'train', code: 'data.none', message: 'none' };
    return [
      joined([...entering, ...updates.map((update) => encodeInline(update, body)), encodeControl(evaluations)]),
      joined([...entering, encodeControl(first, { stream: 1, bytes: body.length }), encodeChunk(1, 0, body)]),
      joined([...entering, encodeControl(failed), encodeControl({ type: 'leave', clients: [{ from: 1, count: 1 }] })]),
      joined([encodeControl(HELLO), encodeControl({ ...AUTH, run: 'fuzzed', proof: NONCE })]),
    ];
  },
  async run(input) {
    const served = await ServedRun.open();
    for (const frame of partsIn(input)) await served.say(frame);
    await served.end();
  },
};

function trainIn(frame: Uint8Array): Train[] {
  const read = decodeFrame(frame);
  return read.kind === 'control' && read.message.type === 'train' ? [read.message as Train] : [];
}
