import { describe, expect, it } from 'vitest';
import { clientIndex, hashFrom, versionNumber } from '../core/brands.js';
import { encodeControl, encodeInline } from './codec.js';
import { wireLimits as limits } from './limits.js';
import type { Message } from './messages.js';
import { pieces } from './pieces.js';
import { builtInMessages } from './schemas.js';

/** A text in which each character takes six bytes of JSON: half a surrogate pair, alone. */
const widest = (length: number) => '\ud800'.repeat(length);
/** The like, another for each number. */
const name = (at: number, length: number = limits.nameLengthMax) =>
  widest(Math.max(0, length - 4)) +
  [12, 8, 4, 0].map((shift) => String.fromCharCode(0xd810 + ((at >> shift) & 15))).join('');
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const names = (count: number) => times(count, (at) => name(at));
/** No finite number takes more characters. */
const NUMBER = -1.7976931348623157e308;
const numbers = (count: number) => Object.fromEntries(times(count, (at) => [name(at), NUMBER]));

const prose = widest(limits.textLengthMax);
const identifier = 'x'.repeat(128);
const hash = hashFrom(`sha256:${'f'.repeat(64)}`);
const index = limits.indexMax;
const code = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64)).join('.');
const version = { model: name(0), number: versionNumber(index), hash };
const range = { from: index - limits.clientsPerSessionMax + 1, count: limits.clientsPerSessionMax };
const ranges = times(limits.rangesMax, () => range);
const client = clientIndex(index);
const indices = times(limits.rangesMax, () => client);

/** Of each type the largest that the limits allow, as far as one can tell; see the test of evaluations for others. */
const largest: { readonly [T in Message['type']]: Extract<Message, { readonly type: T }> } = {
  hello: {
    type: 'hello',
    versions: times(limits.versionsMax, () => index),
    software: prose,
    capabilities: names(limits.capabilitiesMax),
  },
  challenge: {
    type: 'challenge',
    version: index,
    methods: names(limits.authMethodsMax),
    nonce: 'f'.repeat(limits.nonceLengthMax),
  },
  auth: { type: 'auth', method: name(0), proof: widest(limits.proofLengthMax) },
  welcome: {
    type: 'welcome',
    session: identifier,
    run: identifier,
    software: prose,
    clients: index,
    seed: Number.MIN_SAFE_INTEGER,
    workload: { kind: 'trainer', task: name(0) },
    algorithm: name(0),
    needs: names(limits.factsMax),
    stages: times(limits.stagesMax, (at) => ({
      name: name(at),
      options: Object.fromEntries(times(limits.stageOptionsMax, (option) => [name(option), name(0)])),
    })),
    capabilities: names(limits.capabilitiesMax),
  },
  join: {
    type: 'join',
    clients: times(limits.joinRangesMax, (at) => ({
      from: index - 1_999,
      count: Math.floor(limits.clientsPerSessionMax / limits.joinRangesMax),
      clientId: name(at),
    })),
  },
  joined: { type: 'joined', clients: ranges },
  leave: { type: 'leave', clients: times(limits.rangesMax, () => ({ from: index - 60, count: 61 })) },
  getPlan: { type: 'getPlan', hash },
  plan: { type: 'plan', hash },
  getFrozen: { type: 'getFrozen', hash },
  frozen: { type: 'frozen', hash },
  model: { type: 'model', version },
  train: {
    type: 'train',
    task: index,
    attempt: index,
    clients: indices,
    base: version,
    scalars: numbers(limits.scalarsMax),
  },
  update: {
    type: 'update',
    task: index,
    attempt: index,
    client: clientIndex(index),
    base: version,
    facts: numbers(limits.factsMax),
    trainMs: -NUMBER,
  },
  failed: {
    type: 'failed',
    task: index,
    attempt: index,
    client: clientIndex(index),
    phase: 'evaluate',
    code,
    message: prose,
  },
  settled: { type: 'settled', task: index, attempt: index, clients: indices, counted: false, code, reason: prose },
  evaluate: { type: 'evaluate', round: index, clients: ranges, model: version },
  evaluations: { type: 'evaluations', round: index, entries: manyNames() },
  forget: { type: 'forget', versions: times(limits.versionsForgottenMax, () => version) },
  finish: { type: 'finish', reason: 'completed', message: prose },
  grant: { type: 'grant', stream: limits.streamIdMax, bytes: Number.MAX_SAFE_INTEGER },
  decline: { type: 'decline', stream: limits.streamIdMax },
  error: { type: 'error', code, message: prose },
};

/** As many named statistics and results as there may be, with names as long as they may be together. */
function manyNames() {
  const perEntry = limits.resultsMax;
  const entries = limits.evaluationNumbersMax / perEntry;
  const chars = limits.evaluationNameCharsMax / (2 * entries * perEntry);
  const statistics = Object.fromEntries(times(perEntry, (at) => [name(at, chars), { sum: [], weight: -NUMBER }]));
  const results = Object.fromEntries(times(perEntry, (at) => [name(at, chars), []]));
  return times(limits.evaluationsMax, (at) =>
    at < entries
      ? { client, sampleCount: NUMBER, statistics, results }
      : { client, sampleCount: NUMBER, statistics: {}, results: {} },
  );
}

describe('the largest message that the limits allow', () => {
  it.each(builtInMessages)('fits its frame: $type', ({ type, body }) => {
    const message = largest[type as Message['type']];
    const frame =
      body === 'required'
        ? encodeInline(message, new Uint8Array(limits.inlineBodyBytesMax))
        : encodeControl(message, { stream: limits.streamIdMax, bytes: Number.MAX_SAFE_INTEGER });
    expect(frame.length).toBeLessThanOrEqual(limits.frameBytesMax);
  });

  it('fits with results that cannot be counted alone', () => {
    const count = limits.evaluationsMax / 2;
    const chars = limits.evaluationNameCharsMax / (2 * count * limits.resultsMax);
    const unsound = Object.fromEntries(times(limits.resultsMax, (at) => [name(at, chars), widest(chars)]));
    const entries = times(count, () => ({ client, sampleCount: NUMBER, statistics: {}, unsound }));
    const message = { type: 'evaluations', round: index, entries } as const;
    expect(encodeControl(message).length).toBeLessThanOrEqual(limits.frameBytesMax);
  });

  it('fits with numbers alone', () => {
    const half = limits.evaluationNumbersMax / 2;
    const list = (count: number) => times(count, () => NUMBER);
    const entries = [
      { client: clientIndex(0), sampleCount: NUMBER, statistics: {}, results: { a: list(half), b: list(half) } },
    ];
    expect(() => encodeControl({ type: 'evaluations', round: 0, entries })).not.toThrow();
  });

  it.each<[string, Message]>([
    ['one range too many', { type: 'leave', clients: times(limits.rangesMax + 1, () => ({ from: 0, count: 1 })) }],
    ['one client too many', { type: 'leave', clients: [range, { from: 0, count: 1 }] }],
    [
      'one index too many',
      { type: 'settled', task: 0, attempt: 0, clients: [...indices, clientIndex(0)], counted: true },
    ],
    [
      'one named range too many',
      { ...largest.join, clients: times(limits.joinRangesMax + 1, (from) => ({ from, count: 1 })) },
    ],
    ['one version too many', { type: 'forget', versions: [...largest.forget.versions, version] }],
    [
      'one number too many',
      {
        type: 'evaluations',
        round: 0,
        entries: times(2, (index) => ({
          client: clientIndex(index),
          sampleCount: 1,
          statistics: { loss: { sum: times(limits.evaluationNumbersMax / 2 - 1 + index, () => 0), weight: 1 } },
        })),
      },
    ],
    [
      'one character of a name too many',
      {
        type: 'evaluations',
        round: 0,
        entries: times(limits.evaluationsMax, (index) => ({
          client: clientIndex(index),
          sampleCount: 1,
          statistics: {},
          results: { [name(index)]: [], ...(index === 0 && { x: [] }) },
        })),
      },
    ],
  ])('is refused with %s', (_, message) => {
    expect(() => encodeControl(message)).toThrow(expect.objectContaining({ code: 'protocol.message' }));
  });
});

it('lists are cut into what a message may carry', () => {
  expect([...pieces(times(2 * limits.rangesMax + 1, (at) => at))].map(({ length }) => length)).toEqual([
    limits.rangesMax,
    limits.rangesMax,
    1,
  ]);
  expect([...pieces([])]).toEqual([]);
});
