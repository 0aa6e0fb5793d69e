import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import type { UpdateTag } from '../schedule/types.js';
import { RecordedTurns } from './recorded-turns.js';

const tagOf = (client: number): UpdateTag => ({ session: 's', client: clientIndex(client), task: 0, attempt: 0 });

describe('RecordedTurns', () => {
  it('hands over what is due, makes it only then, and lets its body go', async () => {
    const due = new Set<number>();
    const told: string[] = [];
    const turns = new RecordedTurns({
      isDue: ({ client }) => due.has(client),
      dispatch: ({ event }) => {
        told.push(event.type);
        // What was taken in may make it somebody else's turn, as the coordinator's step does.
        due.add(2);
        turns.goOn();
      },
    });
    const arrive = (client: number) =>
      turns
        .arrived(() => {
          told.push(`made ${client}`);
          return { event: { type: 'updateReceived', ...tagOf(client) } };
        }, tagOf(client))
        .then(() => told.push(`let go ${client}`));
    const bodies = [arrive(2), arrive(1)];
    turns.goOn();
    expect(told).toEqual([]);
    due.add(1);
    turns.goOn();
    expect(told).toEqual(['made 1', 'updateReceived', 'made 2', 'updateReceived']);
    await Promise.all(bodies);
    expect(told.slice(4).sort()).toEqual(['let go 1', 'let go 2']);
  });
});
