/** One end of a line against packets that a broker delivers twice, out of order, or not at all. */
import type { ConnectionHandlers } from 'fedloom';
import { beforeEach, expect, it } from 'vitest';
import type { BrokerLink, Publication } from '../broker/link.js';
import { Line } from './line.js';
import { dataPacket, decodePacket, HEADER_BYTES, type Packet } from './packets.js';
import { Publisher } from './publisher.js';

/** A broker that keeps what is published, and acknowledges it when it is told to. */
class Ledger implements BrokerLink {
  readonly broker = 'ledger';
  readonly packetBytesMax = 100_000;
  readonly queuedMax = 1_000;
  readonly published: Packet[] = [];
  readonly unacknowledged: (() => void)[] = [];
  acknowledges = true;

  constructor(readonly inFlightMax: number) {}

  publish({ payload }: Publication, done: (nobodyListens: boolean) => void): void {
    const packet = decodePacket(new Uint8Array(payload));
    if (packet !== undefined) this.published.push(packet);
    if (this.acknowledges) setImmediate(() => done(false));
    else this.unacknowledged.push(() => done(false));
  }

  async subscribe(): Promise<void> {}
  unsubscribe(): void {}
  async end(): Promise<void> {}
  destroy(): void {}
}

class Recorder implements ConnectionHandlers {
  readonly frames: number[] = [];
  readonly reasons: string[] = [];
  drainedCount = 0;
  frame(frame: Uint8Array): void {
    this.frames.push(frame[0] ?? -1);
  }
  drained(): void {
    this.drainedCount += 1;
  }
  closed(reason: string): void {
    this.reasons.push(reason);
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
/** A data packet with one frame of one byte. */
function data(number: number, byte: number): Packet {
  const packet = new Uint8Array(HEADER_BYTES + 5);
  dataPacket(packet, number).set([1, 0, 0, 0, byte]);
  return decodePacket(packet) as Packet;
}

let link: Ledger;
let line: Line;
let recorder: Recorder;
beforeEach(() => {
  link = new Ledger(4);
  line = lineOn(link);
  recorder = new Recorder();
});

function lineOn(on: Ledger, credit = 2): Line {
  const options = { bufferedBytesMax: 3_000, pingEveryMs: 60_000 };
  const parts = { peer: 'there', publisher: new Publisher(on), topic: 'up', payloadBytesMax: 1_000 + HEADER_BYTES };
  return new Line({ ...parts, creditAtFirst: credit, granted: 4, creditNow: () => 4, ended: () => {} }, options);
}

const kinds = () => link.published.map(({ kind }) => kind);

it('a packet that comes twice is taken once', async () => {
  line.bind(recorder);
  for (const number of [0, 0, 1, 0, 1]) line.receive(data(number, number));
  await turn();
  expect([recorder.frames, recorder.reasons]).toEqual([[0, 1], []]);
});

it('one that is missing ends the line, and the other end is told', async () => {
  line.bind(recorder);
  line.receive(data(0, 5));
  line.receive(data(2, 6));
  line.receive(data(1, 7));
  await turn();
  expect(recorder.frames).toEqual([5]);
  expect(recorder.reasons).toEqual([expect.stringMatching(/^transport.packet-lost: packet 1 did not come, 2 did/)]);
  expect(link.published.at(-1)).toMatchObject({ kind: 'close', reason: recorder.reasons[0] });
});

it.each<[string, Packet]>([
  ['a ping', { kind: 'ping', sent: 3 }],
  ['a close', { kind: 'close', sent: 3, reason: 'bye' }],
])('the last one that is missing shows by %s', async (_what, packet) => {
  line.bind(recorder);
  line.receive(data(0, 5));
  line.receive(packet);
  await turn();
  expect(recorder.reasons).toEqual([expect.stringMatching(/^transport.packet-lost/)]);
});

it('sends no further than its credit, in the order of the frames', async () => {
  line.bind(recorder);
  for (let seed = 0; seed < 4; seed++) line.send(new Uint8Array(900).fill(seed));
  await turn();
  expect(link.published).toMatchObject([
    { kind: 'data', number: 0 },
    { kind: 'data', number: 1 },
  ]);
  line.receive({ kind: 'credit', until: 2 });
  await turn();
  expect(link.published).toHaveLength(2);
  line.receive({ kind: 'credit', until: 9 });
  await turn();
  expect(kinds()).toEqual(['data', 'data', 'data', 'data']);
  expect(line.bufferedBytes).toBe(0);
});

it('counts beyond 2^32', async () => {
  line = lineOn(link, 2 ** 31 - 1);
  line.bind(recorder);
  line.receive({ kind: 'credit', until: 2 ** 31 + 5 });
  line.receive({ kind: 'credit', until: 3 });
  line.send(Uint8Array.of(1));
  await turn();
  expect(kinds()).toEqual(['data']);
});

it('gives credit as it takes packets, and ends the line of one who takes more', async () => {
  line.bind(recorder);
  for (let number = 0; number < 3; number++) line.receive(data(number, number));
  await turn();
  expect(link.published).toEqual([{ kind: 'credit', until: 6 }]);
  for (let number = 3; number < 7; number++) line.receive(data(number, number));
  expect(recorder.reasons).toEqual([]);
  const greedy = lineOn(link);
  greedy.bind(recorder);
  const unbound = lineOn(link);
  for (let number = 0; number < 5; number++) unbound.receive(data(number, number));
  unbound.bind(recorder);
  await turn();
  expect(recorder.reasons).toEqual([expect.stringMatching(/^transport.credit/)]);
});

it('asks to wait while much has not left, and says when it has', async () => {
  link.acknowledges = false;
  line = lineOn(link, 100);
  line.bind(recorder);
  expect(line.send(new Uint8Array(2_000))).toBe(true);
  expect(line.send(new Uint8Array(2_000))).toBe(false);
  await turn();
  expect([line.bufferedBytes, recorder.drainedCount]).toEqual([4_000, 0]);
  while (link.unacknowledged.length > 0) {
    for (const acknowledge of link.unacknowledged.splice(0)) acknowledge();
    await turn();
  }
  expect([line.bufferedBytes, recorder.drainedCount]).toEqual([0, 1]);
});

it('never has more in flight than the broker takes, and gives every line its turn', async () => {
  link.acknowledges = false;
  const publisher = new Publisher(link);
  const sources = ['a', 'b'].map((topic) => {
    let left = 5;
    return { next: () => (left-- > 0 ? { topic, payload: new Uint8Array(HEADER_BYTES).fill(6, 0, 1) } : undefined) };
  });
  const topics: string[] = [];
  link.publish = ({ topic }, done) => {
    topics.push(topic);
    link.unacknowledged.push(() => done(false));
  };
  for (const source of sources) publisher.ready(source);
  await turn();
  expect(topics).toEqual(['a', 'b', 'a', 'b']);
  link.unacknowledged.shift()?.();
  await turn();
  expect(topics).toHaveLength(5);
});

it('closes when all has left, and tells how much there was', async () => {
  line.bind(recorder);
  line.send(Uint8Array.of(1));
  line.close('done');
  line.receive(data(0, 9));
  await turn();
  await turn();
  expect(link.published.at(-1)).toEqual({ kind: 'close', sent: 1, reason: 'done' });
  expect([recorder.frames, recorder.reasons]).toEqual([[], ['done']]);
});
