import { expect, it } from 'vitest';
import { JobSignal } from '../cancel-signal.js';
import { Marks } from './marks.js';
import { MARKS } from './pool-worker.js';

it('gives jobs of one signal one mark, and tells of those that abort until they are given back', () => {
  const marks = new Marks();
  const cancelled: number[] = [];
  const batch = marks.take((mark) => cancelled.push(mark));
  const [one, other, early] = [new JobSignal(), new JobSignal(), new JobSignal()];
  early.abort();
  const [ofOne, ofOther, ofEarly] = [batch.of(one), batch.of(other), batch.of(early)];
  expect([batch.of(one), batch.of(other)]).toEqual([ofOne, ofOther]);
  expect(new Set([ofOne, ofOther, ofEarly].map((mark) => mark % MARKS)).size).toBe(3);
  expect(Math.min(ofOne, ofOther, ofEarly)).toBeGreaterThan(0);
  expect(cancelled).toEqual([ofEarly]);
  one.abort();
  expect(cancelled).toEqual([ofEarly, ofOne]);
  expect(marks.taken()).toEqual([ofOne, ofOther, ofEarly]);
  batch.giveBack();
  other.abort();
  expect(cancelled).toEqual([ofEarly, ofOne]);
  expect(marks.taken()).toEqual([]);
});

it('gives no mark that leads to the place of one of the last MARKS - 1', () => {
  const marks = new Marks();
  const places = Array.from({ length: 5 * MARKS }, () => marks.take(() => {}).of(new JobSignal()) % MARKS);
  for (let at = MARKS; at < places.length; at += 1) {
    expect(places.slice(at - MARKS + 1, at)).not.toContain(places[at]);
  }
});
