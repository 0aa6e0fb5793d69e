import { FedloomError } from '@fedloom/engine/base';
import type { HostList } from './hostfile/host.js';

/**
 * Deals processes over hosts, round-robin in their order, the first included: 9 over 4 are {0,4,8}, {1,5}, {2,6}, {3,7}. Hosts
 * whose slots are taken are passed over. Once all slots are taken, hosts with more at most (`slotsMax`) take further ones.
 * @returns the ranks of each host, ascending, in the order of the hosts; rank 0 is the server, rank r client r - 1
 * @throws FedloomError `hostfile.slots` when all hosts have taken what they may
 */
export function placeRanks({ hosts, source }: HostList, processes: number): number[][] {
  const placed = hosts.map((): number[] => []);
  const limits = [
    hosts.map(({ slots, slotsMax }) => slots ?? slotsMax ?? Number.POSITIVE_INFINITY),
    hosts.map(({ slots, slotsMax }) => slotsMax ?? slots ?? Number.POSITIVE_INFINITY),
  ];
  let rank = 0;
  for (const limit of limits) {
    for (let before = -1; rank < processes && before !== rank; ) {
      before = rank;
      for (const [i, ranks] of placed.entries()) {
        if (rank === processes || ranks.length >= (limit[i] ?? 0)) continue;
        ranks.push(rank);
        rank += 1;
      }
    }
  }
  if (rank === processes) return placed;
  const own = hosts.map(({ name, slots, slotsMax }) => `${name} ${slotsMax ?? slots}`).join(' + ');
  const message =
    `${processes} processes (the server and ${processes - 1} clients) do not fit the slots of ${source}: ` +
    `${own} = ${rank}, ${processes - rank} too few. ` +
    'Add hosts or slots, ask for fewer clients, or take the numbers away: a plain name takes any number.';
  throw new FedloomError('hostfile.slots', message, { processes, slots: rank });
}
