import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobSignal } from './cancel-signal.js';
import { Turns } from './turns.js';

const pause = (turns: number) => new Promise<void>((resolve) => setTimeout(resolve, turns % 3));

describe('Turns', () => {
  it('runs one piece of work at a time, in the order they came, whatever throws or leaves', async () => {
    const piece = fc.record({ length: fc.nat(4), throws: fc.boolean(), leaves: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const turns = new Turns();
        const order: number[] = [];
        let running = 0;
        const signals = pieces.map(() => new JobSignal());
        const all = pieces.map(({ length, throws }, at) =>
          turns
            .take(async () => {
              running += 1;
              expect(running).toBe(1);
              order.push(at);
              await pause(length);
              running -= 1;
              if (throws) throw new Error('mine');
            }, signals[at])
            .then(
              () => 'done',
              (error: { code?: string }) => error.code ?? 'threw',
            ),
        );
        pieces.forEach(({ leaves }, at) => {
          if (leaves) signals[at]?.abort();
        });
        const ends = await Promise.all(all);
        const left = ends.flatMap((end, at) => (end === 'client.cancelled' ? [at] : []));
        // The first has begun by then: it looks after its signal itself.
        expect(left).toEqual(pieces.flatMap(({ leaves }, at) => (leaves && at > 0 ? [at] : [])));
        expect(order).toEqual(pieces.map((_, at) => at).filter((at) => !left.includes(at)));
        expect(await turns.take(async () => 'free')).toBe('free');
      }),
      { numRuns: 50 },
    );
  });

  it('refuses at once who comes cancelled while another works', async () => {
    const turns = new Turns();
    void turns.take(() => new Promise(() => {}));
    await expect(turns.take(async () => 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'client.cancelled' });
  });
});
