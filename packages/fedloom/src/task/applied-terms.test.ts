import { describe, expect, it } from 'vitest';
import { fedAdam } from '../algorithms/fed-adam.js';
import { fedAvg } from '../algorithms/fed-avg.js';
import { fedProx } from '../algorithms/fed-prox.js';
import { scaffold } from '../algorithms/scaffold.js';
import { refuseUnappliedTerms } from './applied-terms.js';

describe('refuseUnappliedTerms', () => {
  it.each([fedProx({ mu: 0.1 }), scaffold()])('refuses a trainer that does not declare $name', (algorithm) => {
    const message = `The trainer of client 3 does not apply the client terms of ${algorithm.name}`;
    expect(() => refuseUnappliedTerms(algorithm, {}, 'client 3')).toThrow(message);
    expect(() => refuseUnappliedTerms(algorithm, { appliesTerms: ['fedDyn'] }, 'client 3')).toThrow(message);
    expect(() => refuseUnappliedTerms(algorithm, { appliesTerms: [algorithm.name] }, 'client 3')).not.toThrow();
  });

  it.each([fedAvg(), fedAdam({ serverLearningRate: 0.1 })])(
    'lets any trainer run $name, which adds nothing',
    (algorithm) => {
      expect(() => refuseUnappliedTerms(algorithm, {}, 'client 3')).not.toThrow();
    },
  );
});
