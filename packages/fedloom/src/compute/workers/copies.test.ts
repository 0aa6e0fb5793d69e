import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Copies, type KeptChanges } from './copies.js';

/** The other process: what it holds after each change. */
function holder() {
  const held = new Map<number, unknown>();
  const apply = ({ added, forgotten }: KeptChanges) => {
    for (const id of forgotten) expect(held.delete(id)).toBe(true);
    for (const [id, value] of added) held.set(id, value);
  };
  return { held, apply };
}

describe('Copies', () => {
  it('sends each thing once, and again after it had to be forgotten: the one used least lately', () => {
    const copies = new Copies(25);
    const { held, apply } = holder();
    const message = (...keys: string[]) => {
      for (const key of keys) copies.idOf(key, key, 10);
      const changes = copies.takeChanges();
      apply(changes);
      return changes.added.map(([, value]) => value);
    };
    expect(message('a', 'b')).toEqual(['a', 'b']);
    expect(message('a', 'b')).toEqual([]);
    expect(message('b', 'a')).toEqual([]);
    expect(message('c')).toEqual(['c']);
    expect([...held.values()]).toEqual(['a', 'c']);
    expect(message('a', 'b', 'c')).toEqual(['b']);
    // What a message needs is there, however large it is together.
    expect([...held.values()].sort()).toEqual(['a', 'b', 'c']);
  });

  it('names only what the other process holds, within its bytes unless a single message needs more', () => {
    const messages = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 }), { maxLength: 30 });
    fc.assert(
      fc.property(messages, fc.integer({ min: 0, max: 60 }), (keys, bytesMax) => {
        const copies = new Copies(bytesMax);
        const { held, apply } = holder();
        const bytesOf = (key: number) => 1 + key;
        for (const message of keys) {
          const ids = message.map((key) => copies.idOf(key, key, bytesOf(key)));
          apply(copies.takeChanges());
          expect(ids.map((id) => held.get(id))).toEqual(message);
          const bytes = [...held.values()].reduce<number>((sum, key) => sum + bytesOf(key as number), 0);
          const needed = [...new Set(message)].reduce((sum, key) => sum + bytesOf(key), 0);
          expect(bytes).toBeLessThanOrEqual(Math.max(bytesMax, needed));
        }
      }),
    );
  });
});
