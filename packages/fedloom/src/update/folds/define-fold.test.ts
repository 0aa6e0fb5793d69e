import { describe, expect, it } from 'vitest';
import type { IndividualFold, SumFold } from '../fold-contract.js';
import { defineFold } from './define-fold.js';

const own = (changes: object = {}): IndividualFold => ({
  kind: 'individual',
  name: 'acme/first',
  options: { offset: 1 },
  memoryBytes: () => 0,
  combine: () => new Map(),
  ...changes,
});

describe('defineFold', () => {
  it('freezes a sound fold and its options, and keeps methods of a class', () => {
    const fold = defineFold(own());
    expect([Object.isFrozen(fold), Object.isFrozen(fold.options)]).toEqual([true, true]);
    class Last implements IndividualFold {
      readonly kind = 'individual';
      readonly name = 'last';
      readonly options = {};
      memoryBytes() {
        return 1;
      }
      combine() {
        return new Map();
      }
    }
    expect(defineFold(new Last()).memoryBytes()).toBe(1);
  });

  it.each<[object, RegExp]>([
    [{ name: 'Krum' }, /Fold "Krum": its name must be camel case/],
    [{ name: '' }, /its name/],
    [{ name: 'a/b/c' }, /its name/],
    [{ name: 'constructor name' }, /its name/],
    [{ options: undefined }, /options must be an object of finite numbers/],
    [{ options: { f: Number.NaN } }, /finite numbers/],
    [{ options: { f: '1' } }, /finite numbers/],
    [{ kind: 'mean' }, /kind must be/],
    [{ memoryBytes: undefined }, /lacks the function memoryBytes/],
    [{ combine: undefined }, /lacks the function combine/],
    [{ kind: 'sum' } satisfies Partial<SumFold>, /lacks the function start/],
    [{ checkCohort: 3 }, /checkCohort must be a function/],
  ])('refuses %j', (changes, message) => {
    expect(() => defineFold(own(changes))).toThrow(
      expect.objectContaining({ code: 'fold.definition', message: expect.stringMatching(message) }),
    );
  });
});

it('says what defineFold takes to who gives nothing', () => {
  expect(() => Reflect.apply(defineFold, undefined, [])).toThrow(/it must be an object \{ name, kind: 'sum', options/);
});
