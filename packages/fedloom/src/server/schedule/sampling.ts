import { MersenneTwister } from '../../core/mt19937.js';

/** Which clients train in a round. An implementation is a pure function of its own settings and the arguments. */
export interface Sampler {
  readonly name: string;
  /**
   * The order in which the clients of a federation are preferred in one round: the first `perRound` are the cohort, the
   * following are its replacements, first to last.
   * @param round counts from 0
   * @param clients how many clients the federation has; the result is a permutation of 0 .. clients-1
   */
  permutation(round: number, clients: number, perRound: number): Int32Array;
}

/**
 * FedML's sampling, number for number: all clients in order when all take part, otherwise the first of
 * `numpy.random.RandomState(round).permutation(clients)`. It depends on the round alone: not on the seed of the run.
 */
export function fedmlSampling(): Sampler {
  return Object.freeze({
    name: 'fedml',
    permutation(round: number, clients: number, perRound: number): Int32Array {
      if (perRound >= clients) return Int32Array.from({ length: clients }, (_, index) => index);
      return new MersenneTwister(round).legacyPermutation(clients);
    },
  });
}
