import { playMatch } from '../against-pytorch.js';
import { trainingRow, wholeProcessRow } from '../match-rows.js';
import type { Workload } from '../workload.js';

export const lr: Workload = {
  name: 'lr',
  summary: 'logistic regression, 1,000 clients, 10 a round, 100 rounds: whole process',
  comparesWithPyTorch: true,
  async run(context) {
    const result = await playMatch(context, {
      name: 'lr',
      clients: 1000,
      rounds: 100,
      trialRounds: 100,
      repeats: context.repeats(5),
      judge: ({ wallSeconds }) => wallSeconds,
    });
    return [wholeProcessRow('lr', result, { of: 'ratio', atLeast: 3 }), trainingRow('lr', 600, result)];
  },
};
