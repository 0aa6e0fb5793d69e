import { peerRoundSeconds, playMatch } from '../against-pytorch.js';
import { trainingRow, wholeProcessRow } from '../match-rows.js';
import type { Workload } from '../workload.js';

export const twoNn: Workload = {
  name: '2nn',
  summary: "McMahan's 2NN, 100 clients, 10 a round: training arithmetic",
  comparesWithPyTorch: true,
  async run(context) {
    const result = await playMatch(context, {
      name: '2nn',
      clients: 100,
      rounds: context.quick ? 5 : 20,
      trialRounds: context.quick ? 3 : 6,
      repeats: context.repeats(5),
      judge: peerRoundSeconds,
    });
    return [trainingRow('2nn', 6000, result, { of: 'ratio', atLeast: 2 }), wholeProcessRow('2nn', result)];
  },
};
