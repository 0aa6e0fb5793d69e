import { defineTask, scaffold, type Task, type Tensor } from 'fedloom';
import { logisticRegression } from './logistic-regression.js';

/** Two runs of different tasks that share a lobby; they start at once, in this process or in another. */
export const lobbyRuns = {
  plan: { task: logisticRegression(scaffold()), size: { clients: 4, clientsPerRound: 3, rounds: 4, seed: 5 } },
  own: { task: ownTraining(), size: { clients: 3, clientsPerRound: 3, rounds: 6, seed: 2 } },
};

/**
 * Training code of one's own, in which each client moves every value by an amount of its own.
 * @param before awaited by each training, with its client and round
 */
export function ownTraining(before: (index: number, round: number) => Promise<void> = async () => {}): Task {
  return defineTask({
    name: 'steps',
    trainer: ({ index }) => {
      let w = new Float32Array(6);
      return {
        getModelParams: (): Record<string, Tensor> => ({ w: { dtype: 'float32', shape: [6], data: w } }),
        setModelParams: (given) => {
          w = Float32Array.from(given.get('w')?.data as Float32Array);
        },
        train: async ({ round }) => {
          await before(index, round);
          w = w.map((value, i) => value * 0.5 + index + i / 3);
          return { sampleCount: index + 1 };
        },
        test: () => ({ results: { first: w[0] ?? 0 }, sampleCount: 1 }),
      };
    },
  });
}
