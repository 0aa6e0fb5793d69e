import { expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { Refusals } from './refusals.js';

const refused = (code: string) => ({ client: clientIndex(1), round: 0, code, message: 'so' });

it('of one connection tells so many at once and one a second after, and how many it left out', () => {
  let nowMs = 5_000;
  const told: string[] = [];
  const refusals = new Refusals({
    clock: { now: () => nowMs, setTimer: () => () => {} },
    tell: ({ code }) => told.push(code),
    tellUntold: (session, count, peer) => told.push(`${session} of ${peer} left out ${count}`),
  });
  for (let i = 0; i < 1000; i += 1) refusals.add('s1', 'p1', refused('a'));
  expect(told).toEqual(Array(64).fill('a'));
  refusals.add('s2', 'p2', refused('b'));
  expect(told.splice(0).at(-1)).toBe('b');

  nowMs += 2_500;
  for (let i = 0; i < 10; i += 1) refusals.add('s1', 'p1', refused('c'));
  expect(told.splice(0)).toEqual(['s1 of p1 left out 936', 'c', 'c']);
  refusals.closed('s1');
  refusals.closed('s2');
  refusals.closed('s3');
  expect(told).toEqual(['s1 of p1 left out 8']);
});
