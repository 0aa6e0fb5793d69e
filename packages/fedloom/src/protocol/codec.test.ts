import { FedloomError } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { clientIndex } from '../core/brands.js';
import { decodeFrame, encodeChunk, encodeControl, encodeInline } from './codec.js';
import { defineMessage, messageRegistry } from './define-message.js';
import { wireLimits } from './limits.js';
import { builtInMessages } from './schemas.js';
import { examples, pattern, update } from './testing/messages.js';

const utf8 = new TextEncoder();
const control = (text: string): Uint8Array => new Uint8Array(Buffer.concat([Uint8Array.of(1), utf8.encode(text)]));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FedloomError) return error.code;
    throw error;
  }
  return 'fine';
}

const messages = Object.values(examples);

describe('every message', () => {
  test('has a definition and an example', () => {
    expect(builtInMessages.map(({ type }) => type).sort()).toEqual(Object.keys(examples).sort());
  });

  test.each(messages)('$type survives the way there and back', (message) => {
    const bodyRule = builtInMessages.find(({ type }) => type === message.type)!.body;
    if (bodyRule === 'none') {
      expect(decodeFrame(encodeControl(message))).toMatchObject({ kind: 'control', message });
    } else {
      expect(decodeFrame(encodeControl(message, { stream: 9, bytes: 70_000 }))).toMatchObject({
        kind: 'control',
        message,
        body: { stream: 9, bytes: 70_000 },
      });
      const body = pattern(100);
      const frame = decodeFrame(encodeInline(message, body));
      expect(frame).toMatchObject({ kind: 'inline', message });
      expect(frame.kind === 'inline' && [...frame.body]).toEqual([...body]);
    }
  });

  test.each(messages)('$type is refused without any one of its required fields', (message) => {
    const optional = new Set(['auth.proof', 'auth.run', 'settled.reason', 'settled.code', 'welcome.capabilities']);
    for (const field of Object.keys(message)) {
      if (optional.has(`${message.type}.${field}`)) continue;
      const { [field as 'type']: _, ...rest } = message;
      const body = { stream: 1, bytes: 1 };
      expect(codeOf(() => decodeFrame(control(JSON.stringify({ ...rest, body }))))).toMatch(
        /^protocol\.(unknown-)?message$/,
      );
    }
  });
});

describe('bytes on the wire', () => {
  test('a control frame', () => {
    expect(hex(encodeControl({ type: 'grant', stream: 1, bytes: 5 }))).toBe(
      `01${hex(utf8.encode('{"type":"grant","stream":1,"bytes":5}'))}`,
    );
  });

  test('a chunk, its offset above 2^32', () => {
    expect(hex(encodeChunk(0x01020304, 5 * 2 ** 32 + 6, Uint8Array.of(7, 8)))).toBe(
      '020000000403020106000000050000000708',
    );
    expect(decodeFrame(encodeChunk(0xffffffff, 2 ** 53 - 1, Uint8Array.of(1)))).toEqual({
      kind: 'chunk',
      stream: 0xffffffff,
      offset: 2 ** 53 - 1,
      payload: Uint8Array.of(1),
    });
  });

  test('an inline body starts at a multiple of 8', () => {
    const frame = encodeInline(examples.model, Uint8Array.of(0xaa));
    expect(frame.length % 8).toBe(1);
    const text = new TextDecoder().decode(frame.subarray(8, -1));
    expect(text).toMatch(/^\{.*\} *$/);
    expect(new DataView(frame.buffer).getUint32(4, true)).toBe(text.length);
  });

  test('text beyond ASCII', () => {
    const message = { ...examples.failed, message: '数据😀'.repeat(100) };
    expect(decodeFrame(encodeControl(message))).toMatchObject({ message });
    const lone = decodeFrame(encodeControl({ ...message, message: 'a\ud800b' }));
    expect(lone).toMatchObject({ message: { message: 'a\ud800b' } });
  });
});

describe('frames that are refused', () => {
  const type = 'leave';
  const clients = [{ from: 0, count: 1 }];
  const big = 'x'.repeat(wireLimits.controlBytesMax);
  test.each([
    ['an empty frame', new Uint8Array(0), 'protocol.frame'],
    ['an unknown kind', Uint8Array.of(4, 0, 0, 0), 'protocol.frame'],
    ['a chunk without payload', encodeChunk(1, 0, new Uint8Array(0)), 'protocol.frame'],
    ['a chunk with a filled gap', Uint8Array.of(2, 0, 1, ...new Uint8Array(20)), 'protocol.frame'],
    ['an offset above 2^53', Uint8Array.of(2, 0, 0, 0, ...new Array(13).fill(255)), 'protocol.frame'],
    ['an inline text longer than the frame', Uint8Array.of(3, 0, 0, 0, 8, 0, 0, 0, 32), 'protocol.frame'],
    ['an inline text of odd length', Uint8Array.of(3, 0, 0, 0, 3, 0, 0, 0, 123, 125, 32, 1), 'protocol.frame'],
    ['a frame above the limit', new Uint8Array(wireLimits.frameBytesMax + 1), 'protocol.frame-size'],
    ['a text above the limit', control(`"${big}"`), 'protocol.frame-size'],
    ['no JSON', control('{'), 'protocol.json'],
    ['bad UTF-8', Uint8Array.of(1, 0x22, 0xff, 0x22), 'protocol.json'],
    ['a byte order mark', control('\ufeff{"type":"leave"}'), 'protocol.json'],
    ['a list', control('[]'), 'protocol.json'],
    ['null', control('null'), 'protocol.json'],
    ['a deep nest', control('['.repeat(200_000)), 'protocol.json'],
    ['no type', control('{}'), 'protocol.unknown-message'],
    ['an unknown type', control('{"type":"joiin"}'), 'protocol.unknown-message'],
    ['a type of the prototype', control('{"type":"constructor"}'), 'protocol.unknown-message'],
    ['an unknown required field', control(JSON.stringify({ type, clients, '!sign': 1 })), 'protocol.required-field'],
    [
      'a body where none belongs',
      control(JSON.stringify({ type, clients, body: { stream: 1, bytes: 1 } })),
      'protocol.body',
    ],
    ['no body where one belongs', encodeControl(update), 'protocol.body'],
    ['a body without length', control(JSON.stringify({ ...update, body: { stream: 1 } })), 'protocol.body'],
    ['a body of length 0', control(JSON.stringify({ ...update, body: { stream: 1, bytes: 0 } })), 'protocol.body'],
    ['an inline body above the limit', encodeInline(update, new Uint8Array(65_537)), 'protocol.frame-size'],
    ['an inline body where none belongs', encodeInline(examples.leave, new Uint8Array(1)), 'protocol.body'],
  ])('%s', (_name, frame, code) => {
    expect(codeOf(() => decodeFrame(frame))).toBe(code);
  });
});

describe('fields that are refused', () => {
  const evaluations = (results: unknown): string =>
    JSON.stringify({ ...examples.evaluations, entries: [{ client: 1, sampleCount: 1, statistics: {}, results }] });
  const statistics = (loss: unknown): string =>
    JSON.stringify({ ...examples.evaluations, entries: [{ client: 1, sampleCount: 1, statistics: { loss } }] });
  test.each([
    ['an index below 0', JSON.stringify({ ...examples.failed, client: -1 })],
    ['a fraction for an index', JSON.stringify({ ...examples.failed, client: 1.5 })],
    ['text for a number', JSON.stringify({ ...examples.failed, client: '1' })],
    ['an index above the limit', JSON.stringify({ ...examples.failed, client: 2 ** 31 })],
    ['an infinite number', evaluations({ loss: 0 }).replace('"loss":0', '"loss":1e999')],
    ['null for a result', evaluations({ loss: null })],
    ['a nested result', evaluations({ loss: [[1]] })],
    ['a list for results', evaluations([1])],
    ['a statistic without its weight', statistics({ sum: 1 })],
    ['a statistic of weight 0', statistics({ sum: 1, weight: 0 })],
    ['a statistic whose sum is text', statistics({ sum: '1', weight: 1 })],
    ['a fact that is no number', JSON.stringify({ ...update, facts: { sampleCount: 'many' } })],
    [
      'too many facts',
      JSON.stringify({ ...update, facts: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, i])) }),
    ],
    ['a version without its number', JSON.stringify({ ...examples.evaluate, model: { ...update.base, number: -1 } })],
    ['a name of the prototype', evaluations({ loss: 0 }).replace('loss', '__proto__')],
    ['too many results', evaluations(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`m${i}`, i])))],
    ['a result list too long', evaluations({ loss: new Array(4_097).fill(0) })],
    ['a name too long', evaluations({ ['x'.repeat(257)]: 1 })],
    ['a bad index in a list', JSON.stringify({ ...examples.settled, clients: [1, 2, '3'] })],
    ['more indices than fit', JSON.stringify({ ...examples.settled, clients: new Array(65_537).fill(1) })],
    ['a range past the end', JSON.stringify({ ...examples.leave, clients: [{ from: 2 ** 31 - 1, count: 2 }] })],
    ['an empty range', JSON.stringify({ ...examples.leave, clients: [{ from: 0, count: 0 }] })],
    [
      'more clients than a session has',
      JSON.stringify({
        ...examples.join,
        clients: [
          { from: 0, count: 1e6 },
          { from: 1e6, count: 1 },
        ],
      }),
    ],
    [
      'a hash of the wrong form',
      JSON.stringify({ ...examples.evaluate, model: { ...update.base, hash: 'sha256:00' } }),
    ],
    ['a code with spaces', JSON.stringify({ ...examples.error, code: 'a b' })],
    ['a text too long', JSON.stringify({ ...examples.error, message: 'x'.repeat(4_097) })],
  ])('%s', (_name, text) => {
    // Each message comes from its rightful sender: nothing but the field can be wrong.
    expect(codeOf(() => decodeFrame(control(text)))).toBe('protocol.message');
  });

  test('the error names message and field', () => {
    expect(() => decodeFrame(control(JSON.stringify({ ...examples.failed, client: -1 })))).toThrow(
      /'failed'.*'client'/,
    );
  });

  test('a sender is told of its own mistake', () => {
    expect(
      codeOf(() =>
        encodeControl({
          ...examples.evaluations,
          entries: [{ client: clientIndex(1), sampleCount: 1, statistics: { loss: { sum: Number.NaN, weight: 1 } } }],
        }),
      ),
    ).toBe('protocol.message');
  });

  test('unknown optional fields are ignored', () => {
    const frame = decodeFrame(control(JSON.stringify({ ...examples.leave, later: { any: 'thing' } })));
    expect(frame).toMatchObject({ kind: 'control', message: examples.leave });
    expect(frame.kind === 'control' && Object.keys(frame.message)).toEqual(['type', 'clients']);
  });

  test('sample counts are left to the aggregation, which refuses one update instead of a connection', () => {
    const message = { ...update, facts: { sampleCount: -1e12 } };
    expect(decodeFrame(encodeInline(message, new Uint8Array(1)))).toMatchObject({ message });
  });
});

describe('extensions', () => {
  const ping = defineMessage({
    type: 'acme/ping',
    from: 'both',
    body: 'optional',
    schema: z.object({ type: z.literal('acme/ping'), count: z.int().max(9) }),
  });

  test('add message types beside the built-in ones', () => {
    const registry = messageRegistry(builtInMessages, [ping]);
    const message = { type: 'acme/ping', count: 3 } as const;
    expect(decodeFrame(encodeControl(message, undefined, registry), registry)).toMatchObject({ message });
    expect(codeOf(() => encodeControl({ ...message, count: 10 }, undefined, registry))).toBe('protocol.message');
    expect(codeOf(() => encodeControl(message))).toBe('protocol.unknown-message');
  });

  test('cannot take a built-in name, or one twice', () => {
    const schema = z.object({ type: z.literal('Acme Ping') });
    expect(codeOf(() => defineMessage({ type: 'Acme Ping', from: 'both', body: 'none', schema }))).toBe(
      'protocol.definition',
    );
    expect(codeOf(() => messageRegistry(builtInMessages, [ping, ping]))).toBe('protocol.definition');
  });

  test.each([
    [undefined, /A message type reads 'vendor\/name'/],
    [{ ...ping, from: 'me' }, /from of message 'acme\/ping' must be server, client, both; got 'me'/],
    [{ ...ping, body: undefined }, /body of message 'acme\/ping' must be none, optional, required/],
    [{ ...ping, schema: {} }, /schema of message 'acme\/ping' must check its fields/],
  ])('are refused where JavaScript gives %j', (definition, says) => {
    expect(() => Reflect.apply(defineMessage, undefined, [definition])).toThrow(says);
  });
});

describe('whatever the bytes', () => {
  const frames = [
    ...messages.map((message) => encodeControl(message)),
    encodeInline(update, pattern(100)),
    encodeChunk(3, 1_000_000, pattern(64)),
  ];

  test('random ones are read or refused with a code', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 0, 255), fc.uint8Array({ maxLength: 200 }), (kind, rest) => {
        expect(codeOf(() => decodeFrame(Uint8Array.of(kind, ...rest)))).toMatch(/^(fine|protocol\.[a-z-]+)$/);
      }),
      { numRuns: 1_000 },
    );
  });

  test('mutated frames are read or refused with a code', () => {
    const edit = fc.record({ at: fc.nat(1_000), value: fc.nat(255), cut: fc.boolean() });
    fc.assert(
      fc.property(fc.constantFrom(...frames), fc.array(edit, { minLength: 1, maxLength: 4 }), (valid, edits) => {
        let frame = valid.slice();
        for (const { at, value, cut } of edits) {
          frame[at % Math.max(1, frame.length)] = value;
          if (cut) frame = frame.slice(0, at % (frame.length + 1));
        }
        expect(codeOf(() => decodeFrame(frame))).toMatch(/^(fine|protocol\.[a-z-]+)$/);
      }),
      { numRuns: 2_000 },
    );
  });

  test('fields of any JSON are read or refused with a code', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...messages),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.nat(),
        fc.jsonValue(),
        (message, extra, place, value) => {
          const names = Object.keys(message);
          const text = JSON.stringify({ ...extra, ...message, [names[place % names.length]!]: value });
          expect(codeOf(() => decodeFrame(control(text)))).toMatch(/^(fine|protocol\.[a-z-]+)$/);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
