import { describe, expect, test } from 'vitest';
import { Topics } from '../topics.js';
import { LineAccess } from './line-access.js';

const topics = new Topics('lab');
const [one, two] = ['1'.repeat(32), '2'.repeat(32)];

describe('a client of the broker', () => {
  test('holds the line that it names first, and nobody else comes near it', () => {
    const access = new LineAccess(topics, []);
    const [a, b] = [{ name: 'a' }, { name: 'b' }];
    expect(access.maySubscribe(a, topics.down(one))).toBe(true);
    expect(access.mayPublish(a, topics.up(one))).toBe(true);
    expect(access.holderOf(one)).toBe(a);
    expect([access.mayPublish(b, topics.up(one)), access.maySubscribe(b, topics.down(one))]).toEqual([false, false]);
    expect(access.mayPublish(b, topics.up(two))).toBe(true);
  });

  test('has one line: names cost nothing, and would fill the memory', () => {
    const access = new LineAccess(topics, []);
    const a = {};
    expect([access.mayPublish(a, topics.up(one)), access.mayPublish(a, topics.up(two))]).toEqual([true, false]);
    access.left(a);
    expect(access.holderOf(one)).toBeUndefined();
    expect(access.mayPublish(a, topics.up(two))).toBe(true);
  });

  test.each([
    [topics.server, true],
    [topics.shared('sha256:00', 3), true],
    [topics.shared('sha256:00', 3).replace('/3', '/+'), false],
    [`${topics.down('')}+`, false],
    [topics.up(one), false],
    ['#', false],
    ['fedml0_1', false],
    ['fedml0_2', true],
  ])('subscribes to %s: %s', (topic, may) => {
    expect(new LineAccess(topics, [2]).maySubscribe({}, topic)).toBe(may);
  });

  test.each([
    [topics.down(one), false],
    [topics.server, false],
    [`${topics.up(one)}0`, false],
    ['fedml2', true],
    ['fedml1', false],
  ])('publishes at %s: %s', (topic, may) => {
    expect(new LineAccess(topics, [2]).mayPublish({}, topic)).toBe(may);
  });
});
