import type { Sampler } from '../server/schedule/sampling.js';
import { type ConformanceCase, check, checkEqual } from './suite.js';

const federations = [
  { clients: 1, perRound: 1 },
  { clients: 7, perRound: 7 },
  { clients: 10, perRound: 3 },
  { clients: 1_000, perRound: 10 },
];
const rounds = [0, 1, 2, 99];

/** What every sampler must do. `create` is called for each case and gives samplers with equal settings. */
export function samplerSuite(create: () => Sampler): readonly ConformanceCase[] {
  return [
    {
      name: 'has a name',
      run: async () => check(create().name.length > 0, 'the name is empty'),
    },
    {
      name: 'orders all clients, each once, whatever the round and the size of the federation',
      run: async () => {
        const sampler = create();
        for (const { clients, perRound } of federations) {
          for (const round of rounds) {
            const order = sampler.permutation(round, clients, perRound);
            const everyone = Array.from({ length: clients }, (_, client) => client);
            const where = `of ${clients} clients, ${perRound} a round, round ${round}`;
            checkEqual(
              [...order].sort((one, other) => one - other),
              everyone,
              `the permutation ${where}, sorted,`,
            );
          }
        }
      },
    },
    {
      name: 'is a pure function: neither the order of calls nor another instance shows',
      run: async () => {
        const [one, other] = [create(), create()];
        for (const { clients, perRound } of federations) {
          const ahead = rounds.map((round) => [...one.permutation(round, clients, perRound)]);
          const back = [...rounds].reverse().map((round) => [...other.permutation(round, clients, perRound)]);
          checkEqual(
            back.reverse(),
            ahead,
            `what rounds ${rounds.join(', ')} give when asked from the last to the first`,
          );
        }
      },
    },
    {
      name: 'gives an array of its own at each call',
      run: async () => {
        const sampler = create();
        const expected = [...sampler.permutation(3, 10, 3)];
        sampler.permutation(3, 10, 3).fill(-1);
        checkEqual([...sampler.permutation(3, 10, 3)], expected, 'the permutation after a caller changed his');
      },
    },
  ];
}
