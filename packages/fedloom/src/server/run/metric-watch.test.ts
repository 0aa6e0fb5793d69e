import { accuracy, confusionMatrix, dense, meanSquaredError, sequential, sgd } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { Results, RoundRecord } from '../../core/records.js';
import { arrays } from '../../data/arrays.js';
import { defineTask } from '../../task/define-task.js';
import { meanResultAggregator } from '../../task/mean-results.js';
import { checkWatched, MetricWatch, type WatchOptions } from './metric-watch.js';

type Part = Pick<RoundRecord, 'metrics' | 'clientMetrics' | 'voided'>;

const record = (round: number, { metrics = null, clientMetrics = null, voided = null }: Partial<Part>) =>
  ({ round, metrics, clientMetrics, voided, version: { number: round + 1 } }) as unknown as RoundRecord;

/** What each of the rounds came to. */
function watched(options: WatchOptions, rounds: readonly (Results | null)[]) {
  const watch = new MetricWatch(options);
  const added = rounds.map((metrics, round) => watch.add(record(round, { metrics })));
  return { watch, best: added.map(({ isBest }) => isBest), missing: added.map(({ missing }) => missing) };
}

describe('MetricWatch', () => {
  it('finds the best round; of equal ones the first', () => {
    const { watch, best } = watched({ keepBest: 'f1' }, [{ f1: 0.5 }, { f1: 0.7 }, { f1: 0.7 }, { f1: 0.6 }]);
    expect(best).toEqual([true, true, false, false]);
    expect(watch.best).toEqual({ round: 1, metric: 'f1', value: 0.7, version: 2 });
    expect(watch.stopped).toBeUndefined();
  });

  it('a loss is the better the smaller it is', () => {
    expect(watched({ keepBest: 'loss' }, [{ loss: 2 }, { loss: 1 }, { loss: 3 }]).watch.best?.round).toBe(1);
  });

  it('ends when a bound is reached, once, and says why', () => {
    const { watch } = watched({ stopWhen: 'f1>=0.6' }, [{ f1: 0.5 }, { f1: 0.612344 }, { f1: 0.9 }]);
    expect(watch.stopped).toEqual({
      code: 'run.stopped',
      message: 'Ended after round 2: f1 is 0.61234, and so >= 0.6.',
    });
    expect(watch.best).toBeUndefined();
  });

  it('has patience with so many evaluations, not with rounds', () => {
    const rounds = [{ f1: 0.5 }, null, { f1: 0.4 }, null, { f1: 0.6 }, { f1: 0.6 }, { f1: 0.1 }];
    const { watch } = watched({ keepBest: 'f1', patience: 2 }, rounds.slice(0, 6));
    expect(watch.stopped).toBeUndefined();
    watch.add(record(6, { metrics: { f1: 0.1 } }));
    expect(watch.stopped?.message).toBe(
      'Ended after round 7: f1 was not above 0.6, that of round 5, in the last 2 evaluations.',
    );
  });

  it('has patience with the loss, where nobody says what is best, and keeps nothing then', () => {
    const { watch, best } = watched({ patience: 1 }, [{ loss: 1 }, { loss: 1 }]);
    expect(watch.stopped?.message).toBe(
      'Ended after round 2: loss was not below 1, that of round 1, in the last evaluation.',
    );
    expect([watch.best, best]).toEqual([undefined, [false, false]]);
  });

  it('takes the clients’ metrics where the server has none of the name, and the server’s where both have', () => {
    const watch = new MetricWatch({ keepBest: 'f1', stopWhen: 'map>0' });
    watch.add(record(0, { metrics: { f1: 0.2 }, clientMetrics: { f1: 0.9, map: 1 } }));
    expect([watch.best?.value, watch.stopped !== undefined]).toEqual([0.2, true]);
  });

  it('hears nothing of void rounds', () => {
    const watch = new MetricWatch({ keepBest: 'f1' });
    watch.add(record(0, { metrics: { f1: 1 }, voided: { code: 'x', message: 'y' } }));
    expect(watch.best).toBeUndefined();
  });

  it('says once which names it misses; lists are no numbers', () => {
    const { missing } = watched({ keepBest: 'f1', stopWhen: 'map>=1' }, [{ f1: [1] }, null, { map: 0.5 }]);
    expect(missing).toEqual([['f1', 'map'], [], []]);
  });
});

describe('checkWatched', () => {
  const task = defineTask({
    name: 'line',
    data: arrays({ train: { x: [[1]], y: [[1]] } }),
    model: sequential([dense(1)]),
    loss: meanSquaredError(),
    metrics: [accuracy(), confusionMatrix()],
    training: { localEpochs: 1, batchSize: 1, optimizer: sgd({ learningRate: 0.1 }) },
  });
  const check = (options: WatchOptions) => () => checkWatched(task, options, meanResultAggregator);

  it('knows what a plan reports', () => {
    expect(check({ keepBest: 'loss', stopWhen: 'accuracy>0' })).not.toThrow();
    expect(check({ keepBest: 'acuracy' })).toThrow(
      /reports no "acuracy", but loss, accuracy\. Did you mean "accuracy"\?/,
    );
    const many =
      /Nothing is better or worse by "confusionMatrix" of task "line", which is many numbers\. Take loss, accuracy\./;
    expect(check({ keepBest: 'confusionMatrix' })).toThrow(many);
    expect(check({ stopWhen: 'confusionMatrix>1' })).toThrow(many);
    expect(check({ stopWhen: 'f1>0' })).toThrow(expect.objectContaining({ code: 'metric.unknown' }));
  });

  it('does not know what aggregators of users’ own report', () => {
    const own = { ...task, resultAggregator: { aggregate: () => ({}) } };
    expect(() => checkWatched(own, { keepBest: 'f1' }, meanResultAggregator)).not.toThrow();
  });
});
