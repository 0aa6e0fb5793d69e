import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../core/brands.js';
import type { Train, UpdateMessage } from '../protocol/messages.js';
import { FinishedUpdates } from './finished-updates.js';

const base = (number: number) => ({ model: 'model', number: versionNumber(number), hash: namedHash(`h${number}`) });
const update = (client: number, task = 0): UpdateMessage => ({
  type: 'update',
  task,
  attempt: 0,
  client: clientIndex(client),
  base: base(task),
  facts: {},
  trainMs: 0,
});
const asked = (task: number, of = task): Train => ({
  type: 'train',
  task,
  attempt: 1,
  clients: [],
  base: base(of),
  scalars: {},
});

describe('FinishedUpdates', () => {
  it('gives what a client finished of this very task, from this very model', () => {
    const finished = new FinishedUpdates(100);
    const body = new Uint8Array(10);
    expect(finished.keep(update(1), body)).toMatchObject({ body });
    expect(finished.of(clientIndex(1), asked(0))?.body).toBe(body);
    for (const other of [asked(1), asked(0, 1)]) expect(finished.of(clientIndex(1), other)).toBeUndefined();
    expect(finished.of(clientIndex(2), asked(0))).toBeUndefined();
  });

  it('gives memory back once it is neither needed nor on its way', () => {
    const finished = new FinishedUpdates(1e6);
    const kept = finished.keep(update(1), new Uint8Array(100_000));
    if (kept === undefined) throw new Error('it is not kept');
    finished.forget([clientIndex(1)], 0);
    expect(kept.body).toHaveLength(100_000);
    finished.sent(kept);
    expect(kept.body).toHaveLength(0);
    const again = finished.keep(update(1), new Uint8Array(100_000));
    if (again === undefined) throw new Error('it is not kept');
    finished.sent(again);
    expect(again.body).toHaveLength(100_000);
    finished.forget([clientIndex(1)], 0);
    expect(again.body).toHaveLength(0);
  });

  it('lets go of a settled task, not of another', () => {
    const finished = new FinishedUpdates(100);
    finished.keep(update(1, 3), new Uint8Array(10));
    finished.forget([clientIndex(1), clientIndex(2)], 2);
    expect(finished.of(clientIndex(1), asked(3))).toBeDefined();
    finished.forget([clientIndex(1)], 3);
    expect(finished.of(clientIndex(1), asked(3))).toBeUndefined();
  });

  it('keeps one of each client, the newest, and of more bytes than allowed the newest that fit', () => {
    const step = fc.record({ client: fc.integer({ min: 0, max: 5 }), bytes: fc.integer({ min: 0, max: 60 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const finished = new FinishedUpdates(100);
        let model: { client: number; bytes: number }[] = [];
        for (const { client, bytes } of steps) {
          const kept = finished.keep(update(client), new Uint8Array(bytes));
          expect(kept !== undefined).toBe(true);
          model = [...model.filter((own) => own.client !== client), { client, bytes }];
          while (model.reduce((sum, own) => sum + own.bytes, 0) > 100) model.shift();
        }
        for (const client of [0, 1, 2, 3, 4, 5]) {
          const expected = model.find((own) => own.client === client)?.bytes;
          expect(finished.of(clientIndex(client), asked(0))?.body.byteLength).toBe(expected);
        }
      }),
    );
  });

  it('does not keep one that is larger than all of it, nor the older one of that client', () => {
    const finished = new FinishedUpdates(100);
    finished.keep(update(1), new Uint8Array(10));
    finished.keep(update(2), new Uint8Array(10));
    expect(finished.keep(update(1), new Uint8Array(101))).toBeUndefined();
    expect([finished.of(clientIndex(1), asked(0)), finished.of(clientIndex(2), asked(0))?.body.byteLength]).toEqual([
      undefined,
      10,
    ]);
  });
});
