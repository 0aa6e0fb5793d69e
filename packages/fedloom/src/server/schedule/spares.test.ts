import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { addSpare, createSpares, firstSpare, nextSpare, removeSpare } from './spares.js';

describe('spares', () => {
  it.each([1, 2, 31, 32, 33, 1024, 1025, 40_000])('finds the only spare of %i, wherever it stands', (size) => {
    const order = Int32Array.from({ length: size }, (_, i) => size - 1 - i);
    const spares = createSpares(order, () => false);
    for (const at of new Set([0, size >> 1, size - 1])) {
      addSpare(spares, clientIndex(order[at]!));
      expect(firstSpare(spares)).toBe(at);
      removeSpare(spares, clientIndex(order[at]!));
      expect(firstSpare(spares)).toBe(-1);
    }
  });

  it('starts with the clients that are spare', () => {
    const order = Int32Array.of(4, 2, 0, 1, 3);
    const spares = createSpares(order, (client) => client < 2);
    expect(order[firstSpare(spares)]).toBe(0);
    removeSpare(spares, clientIndex(0));
    expect(order[firstSpare(spares)]).toBe(1);
  });

  it('finds the next from any position on, as a plain search does', () => {
    for (const size of [1, 31, 33, 1025, 40_000]) {
      const order = Int32Array.from({ length: size }, (_, i) => i);
      const held = (client: number) => client % 7 === 3 || (client > 700 && client % 1000 === 0);
      const spares = createSpares(order, held);
      for (let from = 0; from <= size + 70; from += size > 5000 ? 37 : 1) {
        const expected = order.findIndex((client) => client >= from && held(client));
        expect(nextSpare(spares, from)).toBe(expected);
      }
    }
  });

  it('agrees with a plain set under any changes', () => {
    const size = 1100;
    const change = fc.tuple(fc.boolean(), fc.nat(size - 1));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const order = Int32Array.from({ length: size }, (_, i) => (i * 7) % size);
        const spares = createSpares(order, () => false);
        const plain = new Set<number>();
        for (const [add, client] of changes) {
          if (add) addSpare(spares, clientIndex(client));
          else removeSpare(spares, clientIndex(client));
          if (add) plain.add(client);
          else plain.delete(client);
          expect(firstSpare(spares)).toBe(order.findIndex((known) => plain.has(known)));
        }
      }),
    );
  });
});
