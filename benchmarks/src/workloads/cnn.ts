import { peerRoundSeconds, playMatch } from '../against-pytorch.js';
import { trainingRow, wholeProcessRow } from '../match-rows.js';
import type { Workload } from '../workload.js';

export const cnn: Workload = {
  name: 'cnn',
  summary: "McMahan's CNN, 100 clients, 10 a round: training arithmetic",
  comparesWithPyTorch: true,
  async run(context) {
    const result = await playMatch(context, {
      name: 'cnn',
      clients: 100,
      rounds: context.quick ? 2 : 3,
      trialRounds: 2,
      repeats: context.repeats(3),
      judge: peerRoundSeconds,
    });
    return [trainingRow('cnn', 6000, result, { of: 'ratio', atLeast: 0.75 }), wholeProcessRow('cnn', result)];
  },
};
