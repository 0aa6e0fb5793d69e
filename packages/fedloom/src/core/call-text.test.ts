import { FedloomError } from '@fedloom/engine/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallOptions, formatCall, parseCall } from './call-text.js';

function messageOf(text: string): string {
  try {
    parseCall(text, 'topK(fraction=0.01)');
  } catch (error) {
    if (error instanceof FedloomError && error.code === 'call.syntax') return error.message;
    throw error;
  }
  throw new Error(`${text} was read`);
}

describe('parseCall', () => {
  it.each<[string, string, CallOptions]>([
    ['krum(f=1)', 'krum', { f: 1 }],
    ['median', 'median', {}],
    ['median()', 'median', {}],
    [' median ( ) ', 'median', {}],
    ['topK(fraction=1e-3, momentum=.5,nesterov=true)', 'topK', { fraction: 1e-3, momentum: 0.5, nesterov: true }],
    ['x(a=-2.50, b=+3, c=1E2, d=false,)', 'x', { a: -2.5, b: 3, c: 100, d: false }],
    ['clip(norm=Infinity)', 'clip', { norm: Number.POSITIVE_INFINITY }],
    ['x(mode=fast, path=a/b-c.txt, v=1.2.3)', 'x', { mode: 'fast', path: 'a/b-c.txt', v: '1.2.3' }],
    [`x(a="1", b='it''s')`.replace("''", "\\'"), 'x', { a: '1', b: "it's" }],
    ['x(a="two words, (all) = \\"one\\"", b="")', 'x', { a: 'two words, (all) = "one"', b: '' }],
    ['acme/shrink(by=2)', 'acme/shrink', { by: 2 }],
    ['x(constructor=1, toString=2)', 'x', { constructor: 1, toString: 2 } as unknown as CallOptions],
  ])('reads %s', (text, name, options) => {
    expect(parseCall(text)).toEqual({ name, options });
  });

  it.each<[string, RegExp]>([
    ['', /"" cannot be read at its end: a name was expected/],
    ['(f=1)', /after "", at "\(f=1\)": a name was expected/],
    ['krum(f=1', /at its end: "," or "\)" was expected/],
    ['krum(f=)', /after "krum\(f=", at "\)": a value was expected/],
    ['krum(f)', /after "krum\(f", at "\)": "=" was expected/],
    ['krum(1)', /after "krum\(", at "1\)": the name of an option, or "\)" was expected/],
    ['krum(f=1 m=2)', /after "krum\(f=1", at " m=2\)": "," or "\)" was expected/],
    ['krum(f=1)x', /after "krum\(f=1\)", at "x": nothing more was expected/],
    ['krum f=1', /after "krum", at " f=1": nothing more was expected/],
    ['krum(f=1, f=2)', /"f" is given twice/],
    ['krum(f=1,,m=2)', /after "krum\(f=1,", at ",m=2\)"/],
    ['x(a="b)', /after "x\(a=", at "\\"b\)": a value was expected/],
    ['x(a="\\q")', /no JSON string/],
    ['x(a=1e999)', /beyond 1\.8e308/],
    ['x(__proto__=1)', /the name of an option/],
  ])('refuses %j, says where it broke and shows a right one', (text, message) => {
    expect(messageOf(text)).toMatch(message);
    expect(messageOf(text)).toMatch(/Write it like topK\(fraction=0\.01\)\.$/);
  });
});

describe('formatCall', () => {
  it.each<[string, CallOptions, string]>([
    ['median', {}, 'median'],
    ['krum', { f: 1 }, 'krum(f=1)'],
    [
      'x',
      { a: 1e-7, b: true, c: 'word', d: 'two words', e: 'true', f: '12' },
      'x(a=1e-7, b=true, c=word, d="two words", e="true", f="12")',
    ],
  ])('writes %s with %j', (name, options, text) => {
    expect(formatCall(name, options)).toBe(text);
  });

  const name = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,8}(\/[a-z][A-Za-z0-9]{0,8})?$/);
  const key = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,8}$/);
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('true', 'NaN', '-Infinity', '1e3', '', "'", '\\', '"'),
  );
  const options = fc.dictionary(key, fc.oneof(fc.double(), fc.integer(), fc.boolean(), word), {
    noNullPrototype: true,
  });

  it('is undone by parseCall', () => {
    fc.assert(
      fc.property(name, options, (called, given) => {
        expect(parseCall(formatCall(called, given))).toEqual({ name: called, options: given });
      }),
      { numRuns: 1000 },
    );
  });
});
