import { defineTask } from 'fedloom';

/**
 * Client i adds i + 1 to its two parameters in every round; its test gives the first of them as `sum`.
 * @param during called when a client begins to train; it ends later
 */
export function addingTask(during: (index: number, round: number) => void | Promise<void> = () => {}) {
  return defineTask({
    name: 'adding',
    trainer: ({ index }) => {
      let own = new Float32Array(2);
      return {
        getModelParams: () => ({ w: own }),
        setModelParams: (params) => {
          own = Float32Array.from(params.get('w')?.data as Float32Array);
        },
        train: async ({ round }) => {
          await during(index, round);
          own = own.map((value) => value + index + 1);
          return { sampleCount: 1 };
        },
        test: () => ({ results: { sum: own[0] ?? 0 }, sampleCount: 1 }),
      };
    },
  });
}
