import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../core/crc32.js';
import { EntryEncoder, encodeEntry, encodeHead, FORMAT_VERSION, HEAD_BYTES, readLog } from './entries.js';

const payloads = ['[{"kind":"a"}]', '[]', '[{"kind":"b","text":"of some length"}]', '[1]'].map((text) =>
  new TextEncoder().encode(text),
);
const encoded = payloads.map(encodeEntry);
const log = concat([encodeHead(), ...encoded]);
/** Where each entry begins, and the last ends. */
const bounds = [HEAD_BYTES];
for (const bytes of encoded) bounds.push((bounds.at(-1) ?? 0) + bytes.length);

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
const textsOf = (entries: readonly { readonly payload: Uint8Array }[]) =>
  entries.map(({ payload }) => new TextDecoder().decode(payload));
const texts = textsOf(payloads.map((payload) => ({ payload })));

it('an encoder writes what `encodeEntry` writes, whatever it wrote before', () => {
  const encoder = new EntryEncoder();
  const large = `[${'"é",'.repeat(400_000)}1]`;
  for (const text of ['[1,2,3]', '[]', large, '["longer than before"]', '[2]']) {
    expect(Buffer.compare(encoder.encode(text, []), encodeEntry(new TextEncoder().encode(text)))).toBe(0);
  }
});

describe('readLog', () => {
  it('reads what was written, and where it lies', () => {
    const { entries, wholeBytes, end } = readLog(log);
    expect(textsOf(entries)).toEqual(texts);
    expect(entries.map(({ index, offset }) => [index, offset])).toEqual(
      bounds.slice(0, -1).map((offset, i) => [i, offset]),
    );
    expect(end.kind).toBe('whole');
    expect(wholeBytes).toBe(log.length);
  });

  it('reads a log within other bytes', () => {
    const within = new Uint8Array(log.length + 20).subarray(7, 7 + log.length);
    within.set(log);
    expect(textsOf(readLog(within).entries)).toEqual(texts);
  });

  it('takes no log, and a head that was not written whole, for a log that is to be begun', () => {
    expect(readLog(new Uint8Array())).toEqual({ entries: [], wholeBytes: 0, end: { kind: 'whole' } });
    expect(readLog(new Uint8Array(40))).toEqual({ entries: [], wholeBytes: 0, end: { kind: 'torn' } });
  });

  it('takes every truncation for a torn end, with all entries before it', () => {
    for (let length = 1; length < log.length; length += 1) {
      const { entries, wholeBytes, end } = readLog(log.subarray(0, length));
      const whole = bounds.slice(1).filter((bound) => bound <= length).length;
      expect(entries).toHaveLength(whole);
      const at = length < HEAD_BYTES ? 0 : bounds[whole];
      expect(wholeBytes).toBe(at);
      expect(end.kind).toBe(length === at ? 'whole' : 'torn');
    }
  });

  it('takes every flipped bit for damage, says where, and finds the entries behind it', () => {
    for (let bit = 0; bit < log.length * 8; bit += 1) {
      const flipped = log.slice();
      const at = bit >> 3;
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      const { entries, wholeBytes, end } = readLog(flipped);
      if (end.kind !== 'damaged') throw new Error(`bit ${bit} of byte ${at} is ${end.kind}`);
      const hit = bounds.findLastIndex((bound) => bound <= at);
      expect(end.offset).toBe(hit < 0 ? 0 : bounds[hit]);
      expect(wholeBytes).toBe(end.offset);
      expect(textsOf(entries)).toEqual(texts.slice(0, Math.max(hit, 0)));
      expect(textsOf(end.after)).toEqual(texts.slice(hit + 1));
      expect(end.after.map(({ index }) => index)).toEqual(end.after.map((_, i) => Math.max(hit, -1) + 1 + i));
    }
  });

  it('takes blocks of the last entry that were never written for a torn end, wherever they lie', () => {
    const last = bounds.at(-2) as number;
    for (let from = last; from <= log.length - 8; from += 1) {
      for (const to of [from + 8, log.length]) {
        const { entries, wholeBytes, end } = readLog(log.slice().fill(0, from, to));
        expect({ whole: entries.length, wholeBytes, end: end.kind }).toEqual({
          whole: 3,
          wholeBytes: last,
          end: 'torn',
        });
      }
    }
  });

  it('takes the same blocks of an earlier entry for damage', () => {
    const second = bounds[1] as number;
    const third = bounds[2] as number;
    expect(readLog(log.slice().fill(0, second, third)).end).toMatchObject({ kind: 'damaged', offset: second });
  });

  it('names a format that it does not know, and takes a head with a wrong sum for damage', () => {
    const other = encodeHead();
    const view = new DataView(other.buffer);
    view.setUint32(8, FORMAT_VERSION + 1, true);
    expect(readLog(other).end.kind).toBe('damaged');
    view.setUint32(12, crc32(other.subarray(0, 12)), true);
    expect(() => readLog(other)).toThrow(
      expect.objectContaining({
        code: 'journal.version',
        fields: { found: FORMAT_VERSION + 1, known: FORMAT_VERSION },
      }),
    );
  });

  it('never throws for any bytes but those of another format, and covers a prefix of them', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 100 }).map((tail) => concat([encodeHead(), tail])),
      fc.array(fc.nat(log.length - 1)).map((cuts) => concat(cuts.map((cut) => log.subarray(cut, cut + 30)))),
    );
    fc.assert(
      fc.property(bytes, (any) => {
        const { wholeBytes, entries } = readLog(any);
        return wholeBytes <= any.length && entries.every(({ payload }) => payload.length > 0);
      }),
    );
  });
});
