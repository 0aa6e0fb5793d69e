import { describe, expect, it } from 'vitest';
import { isBetter, isReached, parseBestRule, parseStopRule } from './metric-rules.js';

describe('parseBestRule', () => {
  it.each([
    ['accuracy', 'max'],
    ['loss', 'min'],
    ['testLoss', 'min'],
    ['meanAbsoluteError', 'min'],
    ['rmse', 'min'],
    ['perplexity', 'min'],
    ['auc', 'max'],
    ['r2', 'max'],
  ])('%s is better towards %s', (metric, direction) => {
    expect(parseBestRule(metric)).toEqual({ metric, direction });
  });

  it('takes a direction that is said', () => {
    expect(parseBestRule('accuracy:min')).toEqual({ metric: 'accuracy', direction: 'min' });
    expect(parseBestRule('bn/loss:max')).toEqual({ metric: 'bn/loss', direction: 'max' });
  });

  it.each(['', 'a b', 'loss:down', ':min', 'accuracy>=1'])('refuses "%s"', (text) => {
    expect(() => parseBestRule(text)).toThrow(expect.objectContaining({ code: 'metric.rule', fields: { text } }));
  });
});

describe('parseStopRule', () => {
  it.each([
    ['accuracy>=0.97', { metric: 'accuracy', operator: '>=', bound: 0.97 }],
    ['loss < 1e-3', { metric: 'loss', operator: '<', bound: 1e-3 }],
    ['r2>-1', { metric: 'r2', operator: '>', bound: -1 }],
    ['loss<=0', { metric: 'loss', operator: '<=', bound: 0 }],
  ])('reads %s', (text, rule) => {
    expect(parseStopRule(text)).toEqual(rule);
  });

  it.each(['accuracy', 'accuracy=0.9', 'accuracy>=', '>=1', 'accuracy>=high', 'accuracy=>1', 'accuracy>=Infinity'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseStopRule(text)).toThrow(/such as accuracy>=0.97/);
    },
  );
});

it('what is equal is not better, and reaches a bound only where that counts', () => {
  expect([isBetter(2, 1, 'max'), isBetter(1, 1, 'max'), isBetter(0, 1, 'min'), isBetter(1, 1, 'min')]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(['>=1', '<=1', '>1', '<1'].map((rule) => isReached(1, parseStopRule(`a${rule}`)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
