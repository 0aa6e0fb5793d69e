import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { knownClient } from '../../core/brands.js';
import { addClient, anyClientOf, createMembership, presentRanges, removeClient, sessionOf } from './membership.js';

describe('membership', () => {
  it('knows no session for absent clients and for those that do not exist', () => {
    const membership = createMembership(3);
    for (const client of [0, -1, 3, 0.5, Number.NaN])
      expect(sessionOf(membership, knownClient(client))).toBeUndefined();
  });

  it('gives the present clients as ranges by session', () => {
    const membership = createMembership(10);
    for (const client of [4, 0, 1, 9]) addClient(membership, 'a', knownClient(client));
    for (const client of [2, 3]) addClient(membership, 'b', knownClient(client));
    expect(Object.fromEntries(presentRanges(membership))).toEqual({
      a: [
        { from: 0, count: 2 },
        { from: 4, count: 1 },
        { from: 9, count: 1 },
      ],
      b: [{ from: 2, count: 2 }],
    });
  });

  it('forgets sessions without clients, however many come and go', () => {
    const membership = createMembership(2);
    for (let i = 0; i < 1000; i++) {
      addClient(membership, `session ${i}`, knownClient(1));
      removeClient(membership, knownClient(1));
    }
    expect(membership.sessions.length).toBe(1);
    expect(membership.slots.size).toBe(0);
  });

  it('agrees with a plain map under any joins and leaves', () => {
    const change = fc.record({ client: fc.nat(7), session: fc.constantFrom('a', 'b', 'c'), close: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const membership = createMembership(8);
        const plain = new Map<number, string>();
        for (const { client, session, close } of changes) {
          if (close) {
            for (
              let any = anyClientOf(membership, session);
              any !== undefined;
              any = anyClientOf(membership, session)
            ) {
              expect(plain.get(any)).toBe(session);
              removeClient(membership, any);
              plain.delete(any);
            }
            expect([...plain.values()]).not.toContain(session);
          } else if (plain.has(client)) {
            removeClient(membership, knownClient(client));
            plain.delete(client);
          } else {
            addClient(membership, session, knownClient(client));
            plain.set(client, session);
          }
          for (let i = 0; i < 8; i++) expect(sessionOf(membership, knownClient(i))).toBe(plain.get(i));
          expect(membership.present).toBe(plain.size);
        }
      }),
    );
  });
});
