import { describe, expect, it } from 'vitest';
import { aboveZero, type OptionRules, optionProblems, orNull, text, whole } from './option-problems.js';

const RULES: OptionRules = {
  example: '{ clients: 10 }',
  required: { clients: whole(1) },
  optional: { workers: whole(1, 64), deadlineMs: orNull(aboveZero), run: text },
  others: ['pool'],
};

describe('optionProblems', () => {
  it('has nothing to say of what is right, and of what others check', () => {
    expect(optionProblems({ clients: 10 }, RULES)).toEqual([]);
    expect(optionProblems({ clients: 10, workers: 64, deadlineMs: null, run: 'a', pool: 7 }, RULES)).toEqual([]);
    expect(optionProblems({ clients: 10, workers: undefined, elsewhere: undefined }, RULES)).toEqual([]);
  });

  it.each([
    [{ client: 10 }, 'clients is missing; it must be a whole number', 'no option client. Did you mean "clients"'],
    [{ clients: 10, anythingElse: 2 }, 'there is no option anythingElse'],
    [{ clients: '10' }, 'clients is "10"; it must be a whole number of at least 1'],
    [{ clients: 1.5 }, 'clients is 1.5; it must be a whole number'],
    [{ clients: 10, workers: 65 }, 'workers is 65; it must be a whole number of at least 1 and at most 64'],
    [{ clients: Number.NaN }, 'clients is NaN'],
    [{ clients: 10, deadlineMs: 0 }, 'deadlineMs is 0; it must be a number above 0, or null'],
    [{ clients: 10, run: ['a'] }, 'run is a list; it must be a text'],
    [undefined, 'they are undefined; give an object such as { clients: 10 }'],
  ])('%j', (options, ...texts) => {
    const problems = optionProblems(options, RULES);
    expect(problems).toHaveLength(texts.length);
    for (const [at, part] of texts.entries()) expect(problems[at]).toContain(part);
  });
});
