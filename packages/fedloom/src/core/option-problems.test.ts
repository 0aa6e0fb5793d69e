import { describe, expect, it } from 'vitest';
import { optionProblems } from './option-problems.js';

const SIZE = { clients: 10, clientsPerRound: 5, rounds: 3 };

describe('optionProblems', () => {
  it('has nothing to say of what is right, and of what others take', () => {
    expect(optionProblems(SIZE)).toEqual([]);
    const all = {
      ...SIZE,
      seed: -1,
      evaluateEvery: 0,
      deadlineMs: null,
      graceMs: 0,
      workers: 1,
      stages: [],
      insecure: true,
    };
    expect(optionProblems({ ...all, pool: 'threads', seed: undefined })).toEqual([]);
  });

  it.each([
    [
      { clientsPerRound: 5, rounds: 3, client: 10 },
      'clients is missing',
      'there is no option client. Did you mean "clients"',
    ],
    [{ ...SIZE, worker: 2 }, 'there is no option worker. Did you mean "workers"'],
    [{ ...SIZE, clients: '10' }, 'clients is "10"; it must be a whole number of at least 1'],
    [{ ...SIZE, rounds: 1.5 }, 'rounds is 1.5; it must be a whole number'],
    [{ ...SIZE, rounds: Number.NaN }, 'rounds is NaN'],
    [{ ...SIZE, workers: 0 }, 'workers is 0; it must be a whole number of at least 1'],
    [{ ...SIZE, deadlineMs: 0 }, 'deadlineMs is 0; it must be a number above 0, or null'],
    [{ ...SIZE, run: 'a b' }, 'run is "a b"; it must be a name'],
    [{ ...SIZE, stages: ['topK'] }, 'stages is a list; it must be a list of stages'],
    [undefined, 'they are undefined; give an object such as'],
  ])('%j', (options, ...texts) => {
    const problems = optionProblems(options);
    expect(problems).toHaveLength(texts.length);
    for (const [at, text] of texts.entries()) expect(problems[at]).toContain(text);
  });
});
