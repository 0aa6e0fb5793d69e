import { describe, expect, it } from 'vitest';
import { isNestedDeeper, shownJson } from './shown-json.js';

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

describe('a value from outside in a message', () => {
  it('is JSON, cut short', () => {
    expect(shownJson([1, 'a', { b: null }])).toBe('[1,"a",{"b":null}]');
    expect(shownJson(undefined)).toBe('undefined');
    expect(shownJson('a'.repeat(100))).toHaveLength(80);
    expect(shownJson([[[[1]]], { a: { b: { c: 1 } } }])).toBe('[[["[…]"]],{"a":{"b":"{…}"}}]');
  });

  it('does not exhaust the stack, however deeply it is nested', () => {
    expect(shownJson(nested(200_000))).toBe('[[["[…]"]]]');
  });
});

describe('levels of a value', () => {
  it('are counted', () => {
    expect([isNestedDeeper(3, 0), isNestedDeeper([], 0), isNestedDeeper([[]], 1)]).toEqual([false, false, false]);
    expect([isNestedDeeper([1], 0), isNestedDeeper({ a: [{ b: 1 }] }, 2)]).toEqual([true, true]);
    expect([isNestedDeeper(nested(100), 99), isNestedDeeper(nested(100_000), 99)]).toEqual([false, true]);
  });
});
