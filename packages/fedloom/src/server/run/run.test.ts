import { describe, expect, it } from 'vitest';
import type { RoundRecord, RunResult } from '../../core/records.js';
import { Run } from './run.js';

const round = (number: number) => ({ round: number }) as RoundRecord;
const result = { status: 'completed' } as RunResult;

describe('Run', () => {
  it('yields every round from the first, however late one begins to iterate', async () => {
    const run = new Run(async (events) => {
      for (let i = 0; i < 3; i += 1) events.emit('round', round(i));
      return result;
    });
    await run.result;
    const seen: number[] = [];
    for await (const record of run) seen.push(record.round);
    expect(seen).toEqual([0, 1, 2]);
  });

  it('keeps the last rounds for who begins late, and all for who has begun', async () => {
    let goOn = () => {};
    const going = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const run = new Run(
      async (events) => {
        events.emit('round', round(0));
        await going;
        for (let i = 1; i < 6; i += 1) events.emit('round', round(i));
        return result;
      },
      undefined,
      2,
    );
    const early = run[Symbol.asyncIterator]();
    expect((await early.next()).value?.round).toBe(0);
    goOn();
    await run.result;
    const rounds = async (iterable: AsyncIterable<RoundRecord>) => {
      const seen: number[] = [];
      for await (const record of iterable) seen.push(record.round);
      return seen;
    };
    expect([await rounds(early), await rounds(run)]).toEqual([
      [1, 2, 3, 4, 5],
      [4, 5],
    ]);
  });

  it('starts only once its maker can listen', async () => {
    const run = new Run(async (events) => {
      events.emit('warning', { code: 'a.b', message: 'first thing' });
      return result;
    });
    const warnings: string[] = [];
    run.on('warning', ({ message }) => warnings.push(message));
    await run.result;
    expect(warnings).toEqual(['first thing']);
  });

  it('throws into the iteration what made it fail', async () => {
    const run = new Run(async (events) => {
      events.emit('round', round(0));
      throw new Error('broken');
    });
    const seen: number[] = [];
    const iterate = async () => {
      for await (const record of run) seen.push(record.round);
    };
    await expect(iterate()).rejects.toThrow('broken');
    expect(seen).toEqual([0]);
  });

  it('hands an abort to its work', async () => {
    const stop = new AbortController();
    const run = new Run(
      (_events, signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve({ ...result, status: 'cancelled' }))),
      stop.signal,
    );
    setTimeout(() => stop.abort(), 5);
    expect((await run.result).status).toBe('cancelled');
  });
});
