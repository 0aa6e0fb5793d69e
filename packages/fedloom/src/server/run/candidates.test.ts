import { EventEmitter } from 'node:events';
import { FedloomError } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { fedAvg } from '../../algorithms/fed-avg.js';
import { clientIndex } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import { sha256 } from '../../core/node/sha256.js';
import { meanResultAggregator } from '../../task/mean-results.js';
import { chainStages } from '../../update/stages/payload-specs.js';
import { HandClock } from '../lobby/testing/hand-clock.js';
import type { CoordinatorEvent } from '../schedule/types.js';
import { Aggregation } from './aggregation.js';
import { Candidates, type CandidatesOptions } from './candidates.js';
import { noPersistence, type Persistence } from './persistence.js';
import { RoundBooks } from './round-books.js';
import { specs, tensorsOf, until, workloadOf } from './testing/federation-under-test.js';
import { UpdateBounds } from './update-bounds.js';
import { Versions } from './versions.js';

type Over = Partial<Pick<CandidatesOptions, 'checkpoint'>> & {
  readonly persistence?: Partial<Persistence>;
  readonly evaluate?: () => Promise<Evaluation | undefined>;
  readonly start?: number;
};

function candidatesUnderTest({ persistence, evaluate, start = 0, ...over }: Over = {}) {
  const workload = workloadOf({ takeInitialModel: () => tensorsOf(start, 0), ...(evaluate && { evaluate }) });
  const algorithm = fedAvg();
  const versions = new Versions({ workload, algorithm, totalClients: 2, hash: sha256 });
  const aggregation = new Aggregation({ algorithm, chain: chainStages([], specs) });
  const events = new EventEmitter() as CandidatesOptions['events'];
  const bytes = () => ({ up: 0, down: 0 });
  const books = new RoundBooks({ clock: new HandClock(), events, resultAggregator: meanResultAggregator, bytes });
  const told: CoordinatorEvent[] = [];
  const failed: unknown[] = [];
  const made: number[] = [];
  const abort = new AbortController();
  const candidates = new Candidates({
    workload,
    events,
    versions,
    aggregation,
    bounds: new UpdateBounds({ given: {} }),
    books,
    persistence: { ...noPersistence, made: ({ version }) => made.push(version.number), ...persistence },
    signal: abort.signal,
    dispatch: (event) => told.push(event),
    fail: (error) => failed.push(error),
    virtualTime: () => null,
    ...over,
  });
  const fold = (index: number, by: number) => {
    const client = clientIndex(index);
    const facts = { sampleCount: 1, stepCount: 1 };
    const base = versions.newest.version;
    const update = { client, base, task: 0, attempt: 0, facts, tensors: tensorsOf(by, by) };
    const magnitudes = Float64Array.of(by);
    aggregation.add(0, {
      contribution: { update, weight: 1, magnitudes },
      counted: { client, facts, weight: 1, scalars: {} },
      size: { client, sampleCount: 1, norms: { trained: by, buffer: 0, upload: 0 } },
    });
  };
  const decision = {
    type: 'persist',
    round: 0,
    cohort: [clientIndex(0)],
    counted: [],
    uncounted: [],
    replaced: [],
    awaited: [],
    started: [],
    position: 0,
    voided: null,
    voidUpdates: [],
  } as const;
  return { candidates, versions, told, failed, made, abort, fold, decision };
}

const aggregate = { type: 'aggregate', round: 0, counted: [clientIndex(0)] } as const;

describe('a closed fold', () => {
  it('becomes the candidate', () => {
    const { candidates, versions, told, made, fold } = candidatesUnderTest();
    fold(0, 1);
    fold(1, 3);
    candidates.aggregate(aggregate);
    expect(told).toEqual([{ type: 'aggregated', round: 0 }]);
    expect(versions.newest.model.get('w')?.data).toEqual(Float32Array.of(2, 2));
    expect(made).toEqual([1]);
  });

  it.each([
    ['overflows', 3e38, 'algorithm.not-finite'],
    ['is of nothing', undefined, 'aggregate.empty'],
  ] as const)('that %s is void: the version before is the newest still', (_, by, code) => {
    const { candidates, versions, told, failed, made, fold } = candidatesUnderTest({ start: 3e38 });
    const before = versions.newest;
    if (by !== undefined) fold(0, by);
    candidates.aggregate(aggregate);
    expect(told).toMatchObject([{ type: 'aggregationVoided', round: 0, code }]);
    expect(versions.newest).toBe(before);
    expect([made, failed]).toEqual([[], []]);
  });

  it('that fails for another reason ends the run', () => {
    const { candidates, told, failed, versions, fold } = candidatesUnderTest();
    fold(0, 1);
    const broken = new FedloomError('algorithm.result', 'no such tensor', { tensor: 'w' });
    versions.update = () => {
      throw broken;
    };
    candidates.aggregate(aggregate);
    expect([told, failed]).toEqual([[], [broken]]);
  });
});

describe('the evaluation of a candidate', () => {
  const loss = (sum: number): Evaluation => ({ sampleCount: 2, statistics: { loss: { sum, weight: 2 } } });
  const evaluated = async (evaluate: () => Promise<Evaluation | undefined>, during = (_: AbortController) => {}) => {
    const all = candidatesUnderTest({ evaluate });
    all.fold(0, 1);
    all.candidates.aggregate(aggregate);
    all.told.length = 0;
    const evaluating = all.candidates.evaluate(0);
    during(all.abort);
    await evaluating;
    return all;
  };

  it.each([
    ['a finite loss', loss(3)],
    ['no loss at all', { sampleCount: 2, statistics: { accuracy: { sum: 1, weight: 2 } } }],
    ['a list for a loss', { sampleCount: 2, statistics: { loss: { sum: [Number.NaN], weight: 2 } } }],
    ['no samples', undefined],
  ] as const)('with %s passes', async (_, evaluation) => {
    const { told, versions } = await evaluated(async () => evaluation);
    expect(told).toEqual([{ type: 'serverEvaluated', round: 0 }]);
    expect(versions.newest.model.get('w')?.data).toEqual(Float32Array.of(1, 1));
  });

  it.each([
    ['NaN', loss(Number.NaN)],
    ['infinite', loss(Number.POSITIVE_INFINITY)],
    ['NaN by code of its own', { sampleCount: 1, statistics: {}, results: { loss: Number.NaN } }],
  ] as const)('with a loss that is %s voids the round', async (_, evaluation) => {
    const { told, versions, made } = await evaluated(async () => evaluation);
    expect(told).toMatchObject([{ type: 'aggregationVoided', round: 0, code: 'model.not-finite' }]);
    expect(versions.newest.model.get('w')?.data).toEqual(Float32Array.of(0, 0));
    expect([versions.newest.version.number, made]).toEqual([0, [1]]);
  });

  it('that throws ends the run, unless the run has ended before', async () => {
    const throwing = () => Promise.reject(new Error('no memory'));
    expect((await evaluated(throwing)).failed).toEqual([new Error('no memory')]);
    const late = await evaluated(throwing, (abort) => abort.abort());
    expect([late.failed, late.told]).toEqual([[], []]);
  });
});

describe('the disk', () => {
  it('is done at once where nothing is written down', () => {
    const { candidates, told, decision, fold } = candidatesUnderTest();
    fold(0, 1);
    candidates.aggregate(aggregate);
    candidates.persist(decision, undefined);
    expect(told.at(-1)).toEqual({ type: 'persisted', round: 0 });
  });

  it('has both the record and the checkpoint before anybody is told', async () => {
    const done: (() => void)[] = [];
    const later = () => new Promise<void>((resolve) => done.push(resolve));
    const all = candidatesUnderTest({ persistence: { decided: later }, checkpoint: later });
    all.fold(0, 1);
    all.candidates.aggregate(aggregate);
    all.candidates.persist(all.decision, undefined);
    for (const write of [1, 0]) {
      expect(all.told).toHaveLength(1);
      done[write]?.();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(all.told.at(-1)).toEqual({ type: 'persisted', round: 0 });
  });

  it('that fails ends the run, be it at once or later', async () => {
    for (const decided of [
      () => Promise.reject(new Error('disk full')),
      () => {
        throw new Error('disk full');
      },
    ]) {
      const all = candidatesUnderTest({ persistence: { decided } });
      all.fold(0, 1);
      all.candidates.aggregate(aggregate);
      all.candidates.persist(all.decision, undefined);
      await until(() => all.failed.length === 1);
      expect([all.failed, all.told]).toEqual([[new Error('disk full')], [{ type: 'aggregated', round: 0 }]]);
    }
  });
});
