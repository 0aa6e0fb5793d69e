import { expect, test } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { WorkUnderWay } from './work-under-way.js';

function idle(): WorkUnderWay {
  const work = new WorkUnderWay();
  work.joined();
  return work;
}

test('a session is at work until it has joined, then idle', () => {
  const work = new WorkUnderWay();
  expect(work.any).toBe(true);
  work.joined();
  expect(work.any).toBe(false);
});

test('training lasts until every client has answered or is not awaited any longer', () => {
  const work = idle();
  work.askedToTrain([clientIndex(3), clientIndex(5)]);
  work.trained([clientIndex(3)]);
  work.trained([clientIndex(3)]);
  expect(work.any).toBe(true);
  work.trained([clientIndex(5)]);
  expect(work.any).toBe(false);
});

test('evaluation lasts until as many answers came as were asked for, of that round', () => {
  const work = idle();
  work.askedToEvaluate(4, [{ from: 0, count: 2 }]);
  work.askedToEvaluate(4, [{ from: 7, count: 1 }]);
  work.evaluated(4, 2);
  work.evaluated(3, 1);
  expect(work.any).toBe(true);
  work.evaluated(4, 9);
  expect(work.any).toBe(false);
});

test('one request ends the other: a client drops what the round is past', () => {
  const work = idle();
  work.askedToTrain([clientIndex(1)]);
  work.askedToEvaluate(0, [{ from: 0, count: 9 }]);
  work.evaluated(0, 9);
  expect(work.any).toBe(false);
  work.askedToEvaluate(1, [{ from: 0, count: 9 }]);
  work.askedToEvaluate(2, [{ from: 0, count: 1 }]);
  work.evaluated(2, 1);
  expect(work.any).toBe(false);
  work.askedToEvaluate(3, [{ from: 0, count: 9 }]);
  work.askedToTrain([clientIndex(1)]);
  work.trained([clientIndex(1)]);
  expect(work.any).toBe(false);
});
