import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIndex } from '../core/brands.js';
import { PrivateStates } from './private-states.js';
import { MemoryStates } from './testing/host-under-test.js';

const bytes = (value: number) => Uint8Array.of(value);

describe('PrivateStates', () => {
  it('commits what counted, once; the next job sees it at once', async () => {
    const store = new MemoryStates();
    const states = new PrivateStates(store);
    await states.propose(clientIndex(1), 0, bytes(7));
    expect(await states.committed(clientIndex(1))).toBeUndefined();
    const settling = states.settle([clientIndex(1), clientIndex(2)], 0, true);
    expect(await states.committed(clientIndex(1))).toEqual(bytes(7));
    await settling;
    await states.propose(clientIndex(1), 1, bytes(8));
    await states.settle([clientIndex(1)], 0, true);
    expect(await states.committed(clientIndex(1))).toEqual(bytes(7));
  });

  it('is, after any course of events, what the last proposal that counted was', async () => {
    const event = fc.record({
      kind: fc.constantFrom('propose', 'counted', 'dropped'),
      client: fc.integer({ min: 0, max: 2 }),
      task: fc.integer({ min: 0, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const store = new MemoryStates();
        const states = new PrivateStates(store);
        const pending: ({ task: number; value: number } | undefined)[] = [];
        const committed: (number | undefined)[] = [];
        for (const [at, { kind, client, task }] of events.entries()) {
          if (kind === 'propose') {
            await states.propose(clientIndex(client), task, bytes(at));
            pending[client] = { task, value: at };
          } else {
            await states.settle([clientIndex(client)], task, kind === 'counted');
            const own = pending[client];
            if (own?.task !== task) continue;
            if (kind === 'counted') committed[client] = own.value;
            pending[client] = undefined;
          }
        }
        for (const client of [0, 1, 2])
          expect((await states.committed(clientIndex(client)))?.[0]).toBe(committed[client]);
      }),
    );
  });

  it('tells when the store cannot keep it', async () => {
    const store = new MemoryStates();
    store.put = () => Promise.reject(new Error('disk full'));
    const states = new PrivateStates(store);
    await states.propose(clientIndex(1), 0, bytes(7));
    await expect(states.settle([clientIndex(1)], 0, true)).rejects.toThrow('disk full');
  });
});
