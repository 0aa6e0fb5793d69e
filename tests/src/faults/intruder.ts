import { hashFrom, knownClient, versionNumber } from '../../../packages/fedloom/dist/core/brands.js';
import { decodeFrame, encodeControl, encodeInline } from '../../../packages/fedloom/dist/protocol/codec.js';
import type { Message } from '../../../packages/fedloom/dist/protocol/messages.js';
import type { Connection } from '../../../packages/fedloom/dist/protocol/transport.js';
import type { Dice } from './dice.js';
import { forgedProof, proofOf, STRANGER, UNKNOWN } from './identities.js';
import { SimulatedProcess } from './simulated-process.js';
import { isQuiet, URL, type World } from './world.js';

const HASH = hashFrom(`sha256:${'0'.repeat(64)}`);
const OPEN = ['garbage', 'silent', 'stranger', 'guest', 'flood'] as const;
/** Somebody known who takes the clients of others, and somebody who takes the name of another. */
const IDENTIFIED = [...OPEN, 'thief', 'thief', 'forger', 'forger', 'forger'] as const;
const TALK = 50;
const FLOOD = 500;

/** Somebody who belongs to no run connects, and says what it likes. Nothing of it may change the run. */
export function intrude(world: World, name: string, dice: Dice): void {
  const { time, network, witness, scenario } = world;
  const process = new SimulatedProcess(name, time);
  const kind = dice.pick(scenario.identified ? IDENTIFIED : OPEN);
  witness.fault(`intruder: ${kind}`, name);
  const end = () => process.kill();
  const act = async (): Promise<void> => {
    const connection = await network.dialFrom(process)(URL);
    let isOpen = true;
    const heard: Uint8Array[] = [];
    connection.bind({
      frame: (frame) => heard.push(frame.slice()),
      drained: () => {},
      closed: () => {
        isOpen = false;
      },
    });
    const say = (message: Message, body?: Uint8Array) =>
      connection.send(body === undefined ? encodeControl(message) : encodeInline(message, body));
    if (kind === 'silent') return;
    if (kind === 'thief' || kind === 'forger') return enter(world, { kind, connection, heard, dice, process });
    if (kind === 'garbage') {
      const bytes = Uint8Array.from({ length: dice.whole(0, 200) }, () => dice.whole(0, 255));
      connection.send(bytes);
      return;
    }
    if (kind !== 'stranger') {
      say({ type: 'hello', versions: [2], software: name, capabilities: [] });
      await process.sleep(500);
      say({ type: 'auth', method: 'none' });
      await process.sleep(500);
      // Reads nothing more.
      if (kind === 'flood') process.later(0, () => process.pause(scenario.faults.quietFromMs));
    }
    const times = kind === 'flood' ? FLOOD : TALK;
    for (let i = 0; i < times && isOpen; i += 1) {
      const { message, body } = something(dice, scenario.clients, scenario.rounds);
      say(message, body);
      if (kind !== 'flood') await process.sleep(dice.logarithmic(1, 2_000));
    }
  };
  act().catch(end);
  time.at(scenario.faults.quietFromMs, end);
  if (isQuiet(world)) end();
}

/** Of what only those may say who have joined. */
function something(dice: Dice, clients: number, rounds: number): { message: Message; body?: Uint8Array } {
  const client = knownClient(dice.whole(0, clients - 1));
  const task = dice.whole(0, rounds);
  const base = { model: 'model', number: versionNumber(task), hash: HASH };
  const facts = { sampleCount: 1, stepCount: 1 };
  const of = dice.whole(0, 6);
  if (of === 0)
    return { message: { type: 'update', task, attempt: 0, client, base, facts, trainMs: 0 }, body: new Uint8Array(8) };
  if (of === 1) {
    return {
      message: {
        type: 'failed',
        task,
        attempt: 0,
        client,
        phase: dice.pick(['train', 'evaluate'] as const),
        code: 'x.y',
        message: '',
      },
    };
  }
  if (of === 2) return { message: { type: 'leave', clients: [{ from: 0, count: clients }] } };
  if (of === 3) {
    const entries = [{ client, sampleCount: 1, statistics: { loss: { sum: 1e300, weight: 1 } } }];
    return { message: { type: 'evaluations', round: task, entries } };
  }
  if (of === 4) return { message: { type: 'getPlan', hash: HASH } };
  if (of === 5) return { message: { type: 'join', clients: [{ from: clients + dice.whole(0, 5), count: 1 }] } };
  return { message: { type: 'settled', task, attempt: 0, clients: [client], counted: true } };
}

/** Comes in as somebody: with a key of its own for clients of others, or with the name of another. */
async function enter(
  { witness }: World,
  {
    kind,
    connection,
    heard,
    dice,
    process,
  }: {
    readonly kind: 'thief' | 'forger';
    readonly connection: Connection;
    readonly heard: readonly Uint8Array[];
    readonly dice: Dice;
    readonly process: SimulatedProcess;
  },
): Promise<void> {
  const hears = (type: Message['type']) => heard.flatMap(messageIn).find((message) => message.type === type);
  connection.send(encodeControl({ type: 'hello', versions: [2], software: kind, capabilities: [] }));
  await process.sleep(5_000);
  const challenge = hears('challenge');
  if (challenge?.type !== 'challenge') return;
  const { nonce } = challenge;
  const proof = kind === 'forger' ? forgedProof(0, UNKNOWN, nonce) : proofOf(STRANGER).prove({ nonce });
  connection.send(encodeControl({ type: 'auth', method: 'key', ...(proof !== undefined && { proof }) }));
  await process.sleep(5_000);
  if (kind === 'forger') {
    if (hears('welcome') !== undefined) witness.problem('somebody came in by the name of another');
    return;
  }
  // Whoever has counted has joined before.
  const others = witness.durable.rounds.flatMap(({ counted }) => counted.map(({ client }) => client));
  if (others.length === 0 || hears('welcome') === undefined) return;
  connection.send(encodeControl({ type: 'join', clients: [{ from: dice.pick(others), count: 1 }] }));
  await process.sleep(5_000);
  if (hears('joined') !== undefined) witness.problem('somebody took a client that belongs to another');
}

function messageIn(frame: Uint8Array): Message[] {
  try {
    const read = decodeFrame(frame);
    return read.kind === 'chunk' ? [] : [read.message as Message];
  } catch {
    // What is damaged on its way tells it nothing.
    return [];
  }
}
