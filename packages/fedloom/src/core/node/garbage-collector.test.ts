import { expect, it } from 'vitest';
import { garbageCollector } from './garbage-collector.js';

it('frees what nobody holds, and nothing else sees it', () => {
  const made = new WeakRef(new Float64Array(1 << 20));
  const held = new Float64Array(1 << 10);
  const heldToo = new WeakRef(held);
  // What a weak reference gave lives until the end of the turn.
  return new Promise<void>((resolve) => setTimeout(resolve)).then(() => {
    garbageCollector()();
    expect(made.deref()).toBeUndefined();
    expect(heldToo.deref()).toBe(held);
    expect('gc' in globalThis).toBe(false);
  });
});
