import { describe, expect, it } from 'vitest';
import { formatCall, parseCall } from '../../core/call-text.js';
import { foldNamed, foldNames } from './registry.js';

describe('foldNamed', () => {
  it.each(['median', 'trimmedMean(trim=2)', 'krum(f=1)', 'multiKrum(f=1)', 'multiKrum(f=1, m=4)'])(
    'makes %s',
    (text) => {
      const { name, options } = parseCall(text);
      const fold = foldNamed(name, options);
      expect(formatCall(fold.name, fold.options)).toBe(text);
    },
  );

  it('knows each by the name of what it makes', () => {
    const needed = { median: {}, trimmedMean: { trim: 1 }, krum: { f: 1 }, multiKrum: { f: 1 } };
    expect(Object.keys(needed)).toEqual(foldNames);
    for (const [name, options] of Object.entries(needed)) expect(foldNamed(name, options).name).toBe(name);
  });

  it.each<[string, string, RegExp]>([
    [
      'krun(f=1)',
      'fold.unknown',
      /There is no fold "krun"\. Did you mean "krum"\? Known: median, trimmedMean\(trim=2\), krum\(f=1\), multiKrum\(f=1, m=4\)\./,
    ],
    ['constructor', 'fold.unknown', /There is no fold "constructor"\. Known/],
    ['krum', 'fold.option', /krum: f is missing/],
    ['krum(f=one)', 'fold.option', /krum: f is "one"; it must be a whole number/],
    ['krum(f=true)', 'fold.option', /f is true/],
    ['krum(f=Infinity)', 'fold.option', /f is Infinity/],
    [
      'trimmedMean(trin=1)',
      'fold.option',
      /no option "trin"\. Did you mean "trim"\? Its options: trim\. Write it like trimmedMean\(trim=2\)/,
    ],
    ['median(trim=1)', 'fold.option', /median: there is no option "trim"\. It has no options\. Write it like median\./],
  ])('refuses %s with %s', (text, code, message) => {
    const { name, options } = parseCall(text);
    expect(() => foldNamed(name, options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
