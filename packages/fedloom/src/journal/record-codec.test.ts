import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIndex, hashFrom, versionNumber } from '../core/brands.js';
import type { RoundRecord } from '../core/records.js';
import type { JournalRecord } from './record.js';
import { decodeRecords, recordText } from './record-codec.js';

const HASH = hashFrom(`sha256:${'0a'.repeat(32)}`);
const entryOf = (list: unknown) => ({ index: 3, offset: 99, payload: new TextEncoder().encode(JSON.stringify(list)) });
const through = (list: readonly JournalRecord[]) =>
  decodeRecords({ index: 0, offset: 16, payload: new TextEncoder().encode(`[${list.map(recordText).join(',')}]`) });

const number = fc.double();
/** No result is named `__proto__`: the protocol refuses it, and a record would lose it. */
const resultName = fc.string().filter((name) => name !== '__proto__');
const result = fc.oneof(number, fc.array(number), fc.array(fc.array(number)));
const results = fc.dictionary(resultName, result, { noNullPrototype: true });
const whole = fc.nat();
const client = whole.map(clientIndex);
const version = whole.map(versionNumber);
const updates = fc.array(fc.record({ client, task: whole, attempt: whole, base: version, newest: version }));
const range = fc.record({ from: whole, count: fc.integer({ min: 1, max: 9 }) });
const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({ kind: fc.constant('started' as const), attemptBase: whole, at: fc.string() }),
  fc.record({
    kind: fc.constant('version' as const),
    number: version,
    round: fc.integer({ min: -1, max: 9 }),
    models: fc.constantFrom({ main: { hash: HASH, blob: HASH } }, { main: { hash: HASH, blob: HASH, frozen: HASH } }),
    state: fc.constantFrom(null, HASH),
    needs: fc.array(version),
  }),
  fc.record(
    {
      kind: fc.constant('round' as const),
      round: whole,
      outcome: fc.constantFrom('counted' as const, 'void' as const),
      reason: fc.constant({ code: 'round.diverged', message: 'It diverged.' }),
      counted: updates,
      voidUpdates: updates,
      refused: fc.array(fc.record({ client, task: whole, attempt: whole, code: fc.string() })),
      replaced: fc.array(fc.record({ client, by: fc.option(client), code: fc.string() })),
      serverResults: fc.option(results),
      schedule: fc.constant({ clock: 1.5, asked: [1, 'two', null] }),
    },
    {
      requiredKeys: ['kind', 'round', 'outcome', 'counted', 'voidUpdates', 'refused', 'replaced', 'serverResults'],
      noNullPrototype: true,
    },
  ) as fc.Arbitrary<JournalRecord>,
  fc.record({
    kind: fc.constant('privateState' as const),
    states: fc.array(fc.record({ client, task: whole, blob: fc.constant(HASH) })),
  }),
  fc.record({
    kind: fc.constant('clients' as const),
    ranges: fc.array(fc.tuple(range, fc.string()).map(([part, identity]) => ({ ...part, identity }))),
  }),
  fc
    .record({
      round: whole,
      trainLoss: fc.option(number),
      metrics: fc.option(results),
      clientMetrics: fc.option(results),
      evaluators: fc.option(fc.array(range)),
    })
    .map(({ evaluators, ...report }) => ({
      kind: 'evaluation' as const,
      round: report.round,
      report: { ...report, bytesUp: 7, ms: { train: 1.5 } } as unknown as RoundRecord,
      evaluators,
    })),
  fc.record({ kind: fc.constant('finished' as const), rounds: whole, modelHash: fc.constant(HASH) }),
);

describe('records', () => {
  it('come back as they were, NaN, infinities and -0 of results included', () => {
    fc.assert(
      fc.property(fc.array(record), (list) => {
        expect(through(list)).toEqual(list);
      }),
    );
  });

  const cases: [name: string, record: unknown][] = [
    ['a kind that nobody knows', { kind: 'other' }],
    ['a negative round', { kind: 'round', round: -1 }],
    ['a hash that is none', { kind: 'finished', rounds: 1, modelHash: 'sha256:00' }],
    ['no record', 3],
  ];
  for (const [name, wrong] of cases) {
    it(`names the entry and the version behind ${name}`, () => {
      expect(() => decodeRecords(entryOf([wrong]), '9.9.9')).toThrow(
        expect.objectContaining({ code: 'journal.version', message: expect.stringMatching(/^Entry 3 .* 9\.9\.9/) }),
      );
    });
  }

  it('refuses what is no list, or no JSON', () => {
    expect(() => decodeRecords(entryOf({}))).toThrow('Entry 3');
    const deep = new TextEncoder().encode('['.repeat(100_000) + ']'.repeat(100_000));
    expect(() => decodeRecords({ index: 4, offset: 0, payload: deep })).toThrow('Entry 4');
    expect(() => decodeRecords({ index: 5, offset: 0, payload: Uint8Array.of(0xff) })).toThrow('Entry 5');
  });
});
