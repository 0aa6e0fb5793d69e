import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { namedHash } from '../../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../../core/brands.js';
import type { RoundRecord } from '../../core/records.js';
import type { UpdateMessage } from '../../protocol/messages.js';
import { meanResultAggregator } from '../../task/mean-results.js';
import type { ResultAggregator } from '../../task/result-aggregator.js';
import { HandClock } from '../lobby/testing/hand-clock.js';
import type { RoundFinished } from '../schedule/types.js';
import type { FederationEvents } from './federation-options.js';
import { RoundBooks } from './round-books.js';

const version = { model: 'model', number: versionNumber(1), hash: namedHash('h') };
const update = (client: number, meanLoss: number | undefined, sampleCount: number): UpdateMessage => ({
  type: 'update',
  task: 0,
  attempt: 0,
  client: clientIndex(client),
  base: version,
  facts: { sampleCount, stepCount: 2, ...(meanLoss !== undefined && { meanLoss }), extra: 5 },
  trainMs: 3,
});
const finished = (over: Partial<RoundFinished> = {}): RoundFinished => ({
  type: 'roundFinished',
  round: 0,
  cohort: [clientIndex(1), clientIndex(2)],
  counted: [clientIndex(1), clientIndex(2)],
  uncounted: [],
  replaced: [],
  awaited: [],
  voided: null,
  evaluated: { recorded: [{ from: 1, count: 2 }], missing: [] },
  ...over,
});
const tested = (score: number, sampleCount: number) => ({
  sampleCount,
  statistics: { score: { sum: score, weight: 1 } },
});

function booksOf(resultAggregator: ResultAggregator = meanResultAggregator) {
  const clock = new HandClock();
  const events = new EventEmitter<FederationEvents>();
  const started: number[] = [];
  const warnings: string[] = [];
  events.on('roundStarted', ({ round }) => started.push(round));
  events.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  const bytes = { up: 0, down: 0 };
  const books = new RoundBooks({ clock, events, resultAggregator, bytes: () => ({ ...bytes }) });
  const finish = (...args: Parameters<RoundBooks['finish']>): RoundRecord => {
    const record = books.finish(...args);
    if (record instanceof Promise) throw new Error('the record is to be there at once');
    return record;
  };
  return { books, finish, clock, bytes, started, warnings };
}

describe('RoundBooks', () => {
  it('makes a record of what was learnt: times, bytes, losses weighted by samples', () => {
    const { books, finish, clock, bytes, started } = booksOf();
    const at = (ms: number) => {
      clock.now = () => ms;
    };
    books.begun(0);
    at(10);
    books.folded(0, update(2, 1, 30), 2);
    at(20);
    books.folded(0, update(1, 3, 10), 3);
    books.folded(0, update(3, undefined, 99), 0);
    at(25);
    books.aggregated(0);
    books.evaluated(0, clientIndex(2), tested(1, 5));
    books.evaluated(0, clientIndex(1), tested(0, 5));
    books.evaluated(0, clientIndex(3), tested(9, 0));
    at(40);
    Object.assign(bytes, { up: 7, down: 11 });
    const record = finish(finished(), version, null);
    expect(record).toMatchObject({
      trainLoss: 1.5,
      sampleCount: 40,
      testSampleCount: 10,
      clientMetrics: { score: 0.5 },
      metrics: { score: 0.5 },
      bytesUp: 7,
      bytesDown: 11,
      ms: { train: 20, fold: 5, aggregate: 5, evaluate: 15, total: 40 },
    });
    expect(started).toEqual([0]);
  });

  it('keeps two rounds apart when one begins before the last is recorded, and announces it after that', () => {
    const { books, finish, started } = booksOf();
    books.begun(0);
    books.folded(0, update(1, 1, 10), 0);
    books.begun(1);
    books.folded(1, update(2, 5, 10), 0);
    expect(started).toEqual([0]);
    expect(finish(finished({ counted: [clientIndex(1)] }), version, null).trainLoss).toBe(1);
    expect(started).toEqual([0, 1]);
    expect(finish(finished({ round: 1, counted: [clientIndex(2)] }), version, null).trainLoss).toBe(5);
  });

  it('announces rounds in order, also where a later one begins first', () => {
    const { books, finish, started } = booksOf();
    books.begun(0);
    books.folded(2, update(1, 1, 10), 0);
    finish(finished({ counted: [] }), version, null);
    expect(started).toEqual([0]);
    books.folded(1, update(2, 1, 10), 0);
    expect(started).toEqual([0, 1]);
    finish(finished({ round: 1, counted: [clientIndex(2)] }), version, null);
    expect(started).toEqual([0, 1, 2]);
  });

  it('tells of a void round nothing that its candidate gave', () => {
    const { books, finish } = booksOf();
    books.folded(0, update(1, 1, 10), 0);
    books.evaluatedOnServer(0, tested(1, 5));
    books.evaluated(0, clientIndex(1), tested(1, 5));
    const voided = { code: 'model.not-finite', message: 'no' };
    const record = finish(finished({ counted: [], voided }), version, null);
    expect(record).toMatchObject({ voided, metrics: null, clientMetrics: null, trainLoss: null, sampleCount: 0 });
  });

  it('says who was replaced by whom, and counts the one who came in to the cohort', () => {
    const { finish } = booksOf();
    const replaced = [{ client: clientIndex(2), by: clientIndex(4), reason: 'away' }];
    const uncounted = [{ client: clientIndex(2), task: 0, attempt: 0, code: 'client.away', message: 'away' }];
    const record = finish(
      finished({ counted: [clientIndex(1), clientIndex(4)], replaced, uncounted, awaited: [clientIndex(2)] }),
      version,
      1.5,
    );
    expect(record).toMatchObject({ cohort: [1, 2, 4], replaced, awaited: [2], virtualTime: 1.5 });
    expect(record.uncounted).toEqual([{ client: 2, code: 'client.away' }]);
  });

  it('bears an aggregator that fails, counting rounds from 1 for people', () => {
    const { books, finish, warnings } = booksOf({
      aggregate: () => {
        throw new Error('no');
      },
    });
    books.evaluated(0, clientIndex(1), tested(1, 5));
    books.begun(0);
    books.evaluated(0, clientIndex(1), tested(1, 5));
    expect(finish(finished(), version, null).clientMetrics).toBeNull();
    expect(warnings).toEqual(['aggregator.failed: The result aggregator failed in round 1: no']);
  });

  it('waits for an aggregator that takes its time, and announces the next round after that', async () => {
    const { books, started } = booksOf({ aggregate: async (round, results) => ({ round, clients: results.size }) });
    books.begun(0);
    books.begun(1);
    books.evaluated(0, clientIndex(1), tested(1, 5));
    const record = books.finish(finished(), version, null);
    expect(started).toEqual([0]);
    expect((await record).clientMetrics).toEqual({ round: 0, clients: 1 });
    expect(started).toEqual([0, 1]);
  });

  it.each([
    ['fails', async () => Promise.reject(new Error('no')), 'no'],
    ['returns nothing sound', async () => ({ score: Number.NaN }), 'its "score" is NaN; such names are left out'],
    ['returns no results', async () => 'good' as never, 'it must return an object'],
  ])('bears an aggregator that takes its time and %s', async (_, aggregate, why) => {
    const { books, warnings } = booksOf({ aggregate });
    books.evaluated(0, clientIndex(1), tested(1, 5));
    books.begun(0);
    books.evaluated(0, clientIndex(1), tested(1, 5));
    expect((await books.finish(finished(), version, null)).clientMetrics).toBeNull();
    expect(warnings).toEqual([expect.stringContaining(`The result aggregator failed in round 1: ${why}`)]);
  });
});
