import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.js';
import { Channel } from './channel.js';
import { decodeFrame, encodeChunk, encodeControl, encodeInline } from './codec.js';
import { examples, pattern, update } from './testing/messages.js';
import type { Connection, ConnectionHandlers } from './transport.js';

const codedReason = /^protocol\.[a-z-]+: ./;

/** A connection whose other end is the test. */
class HandConnection implements Connection {
  patient = false;
  readonly peer = 'test';
  readonly bufferedBytes = 0;
  readonly sent: Uint8Array[] = [];
  readonly closes: (string | undefined)[] = [];
  handlers!: ConnectionHandlers;

  bind(handlers: ConnectionHandlers): void {
    this.handlers = handlers;
  }
  send(frame: Uint8Array): boolean {
    this.sent.push(frame);
    return true;
  }
  close(reason?: string): void {
    this.closes.push(reason);
  }
}

function open(role: 'server' | 'client' = 'server') {
  const connection = new HandConnection();
  const budget = new ByteBudget(1_000_000);
  let delivered = 0;
  const channel = new Channel(connection, {
    role,
    budget,
    onMessage: (_message, _body, release) => {
      delivered++;
      release();
    },
    onClosed: () => {},
  });
  const feed = (...frames: Uint8Array[]): void => {
    for (const frame of frames) connection.handlers.frame(frame.slice());
  };
  return { connection, budget, channel, feed, delivered: () => delivered };
}

const announce = (stream: number, bytes = 100_000): Uint8Array => encodeControl(update, { stream, bytes });
const chunk = (stream: number, offset: number, bytes = 1000): Uint8Array => encodeChunk(stream, offset, pattern(bytes));

describe('a peer that breaks the rules is told which, and loses the connection', () => {
  test.each<[string, Uint8Array[], string]>([
    ['a chunk of no stream', [chunk(1, 0)], 'protocol.stream'],
    ['a chunk of a finished stream', [announce(1, 1000), chunk(1, 0), chunk(1, 1000)], 'protocol.stream'],
    ['a stream twice', [announce(1), announce(1)], 'protocol.stream'],
    ['streams that fall', [announce(5), announce(4)], 'protocol.stream'],
    ['a chunk too far on', [announce(1), chunk(1, 1)], 'protocol.offset'],
    ['a chunk again', [announce(1), chunk(1, 0), chunk(1, 0)], 'protocol.offset'],
    ['more than announced', [announce(1, 999), chunk(1, 0)], 'protocol.overrun'],
    ['chunks before the grant', [announce(1, 1_000_000), announce(2), chunk(2, 0)], 'protocol.overrun'],
    ['too many streams', Array.from({ length: 65 }, (_, i) => announce(i + 1)), 'protocol.streams'],
    ['a body above the budget', [announce(1, 1_000_001)], 'protocol.body-size'],
    ['a message of the server', [encodeControl(examples.settled)], 'protocol.direction'],
    ['a body of the server', [encodeInline(examples.model, pattern(9))], 'protocol.direction'],
    ['a grant for nothing', [encodeControl(examples.grant)], 'protocol.stream'],
  ])('%s', (_name, frames, code) => {
    const { connection, budget, channel, feed } = open();
    feed(...frames);
    expect(decodeFrame(connection.sent.at(-1)!)).toMatchObject({ message: { type: 'error', code } });
    expect(connection.closes).toEqual([expect.stringContaining(code)]);
    expect([channel.open, budget.usedBytes]).toEqual([false, 0]);
    feed(...frames);
    expect(connection.closes.length).toBe(1);
  });

  test('a grant beyond the body', () => {
    const { connection, channel, feed } = open('client');
    channel.send(update, pattern(100_000));
    feed(encodeControl({ type: 'grant', stream: 1, bytes: 60_000 }));
    expect(connection.sent.length).toBe(2);
    feed(encodeControl({ type: 'grant', stream: 1, bytes: 40_001 }));
    expect(connection.closes).toEqual([expect.stringContaining('protocol.overrun')]);
  });
});

test('credit in pieces is honoured to the byte', () => {
  const { connection, channel, feed } = open('client');
  const body = pattern(100_000);
  channel.send(update, body);
  expect(decodeFrame(connection.sent[0]!)).toMatchObject({ kind: 'control', body: { stream: 1, bytes: 100_000 } });
  for (const bytes of [1, 30_000, 69_999]) feed(encodeControl({ type: 'grant', stream: 1, bytes }));
  const chunks = connection.sent.slice(1).map((frame) => decodeFrame(frame));
  expect(chunks.map((frame) => (frame.kind === 'chunk' ? [frame.offset, frame.payload.length] : []))).toEqual([
    [0, 1],
    [1, 30_000],
    [30_001, 69_999],
  ]);
  expect(channel.pending).toBe(false);
});

test('whatever frames come, in whatever order: no exception, a coded close at most, nothing left in the budget', () => {
  const stream = fc.integer({ min: 1, max: 4 });
  const frame = fc.oneof(
    fc.tuple(stream, fc.constantFrom(10, 1000, 5000, 900_000)).map(([s, bytes]) => announce(s, bytes)),
    fc
      .tuple(stream, fc.constantFrom(0, 1000, 2000), fc.constantFrom(10, 1000))
      .map(([s, at, bytes]) => chunk(s, at, bytes)),
    fc.constantFrom(encodeControl(examples.leave), encodeInline(update, pattern(50)), encodeControl(examples.grant)),
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.constantFrom(announce(1), chunk(1, 0)), fc.nat(30), fc.nat(255)).map(([valid, at, value]) => {
      const mutated = valid.slice();
      mutated[at] = value;
      return mutated;
    }),
  );
  let closed = 0;
  let finished = 0;
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 12 }), (frames) => {
      const { connection, budget, channel, feed, delivered } = open();
      feed(...frames);
      if (delivered() > 0) finished++;
      if (!channel.open) {
        closed++;
        expect(connection.closes).toEqual([expect.stringMatching(codedReason)]);
      } else {
        connection.handlers.closed('gone');
      }
      expect(budget.usedBytes).toBe(0);
    }),
    { numRuns: 2_000 },
  );
  // The property says nothing if all frames were refused, or none.
  expect(Math.min(closed, finished)).toBeGreaterThan(100);
});
