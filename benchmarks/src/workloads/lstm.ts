import { peerRoundSeconds, playMatch } from '../against-pytorch.js';
import { trainingRow, wholeProcessRow } from '../match-rows.js';
import type { Workload } from '../workload.js';

export const lstm: Workload = {
  name: 'lstm',
  summary: 'the character LSTM, 100 clients, 10 a round: steps that wait for each other',
  comparesWithPyTorch: true,
  async run(context) {
    const result = await playMatch(context, {
      name: 'lstm',
      clients: 100,
      rounds: context.quick ? 2 : 4,
      trialRounds: 2,
      repeats: context.repeats(3),
      judge: peerRoundSeconds,
    });
    return [trainingRow('lstm', 600, result, { of: 'ratio', atLeast: 1 }), wholeProcessRow('lstm', result)];
  },
};
