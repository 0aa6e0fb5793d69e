import { type MatchResult, peerRoundSeconds, roundSeconds } from './against-pytorch.js';
import { type Row, rowOf, type Target } from './row.js';
import { median } from './stats.js';

/** From the start of the process to its end, on both sides with one evaluation on the test samples. */
export function wholeProcessRow(workload: string, { ours, peer }: MatchResult, target?: Target): Row {
  return rowOf({
    workload,
    measure: 'whole process',
    unit: 's',
    ours: ours.map(({ wallSeconds }) => wallSeconds),
    ...(peer && { peer: { name: peer.name, values: peer.runs.map(({ wallSeconds }) => wallSeconds) } }),
    ratio: 'lower is better',
    ...(target && { target }),
    note: accuracyNote({ ours, ...(peer && { peer }) }),
  });
}

/** Rounds only: training, checks, fold and the new model; start-up and evaluation are left out on both sides. */
export function trainingRow(workload: string, samplesPerRound: number, result: MatchResult, target?: Target): Row {
  const { ours, peer } = result;
  return rowOf({
    workload,
    measure: 'training',
    unit: 'samples/s',
    ours: ours.map((run) => samplesPerRound / roundSeconds(run)),
    ...(peer && {
      peer: { name: peer.name, values: peer.runs.map((run) => samplesPerRound / peerRoundSeconds(run)) },
    }),
    ratio: 'higher is better',
    ...(target && { target }),
  });
}

/** Both sides must have learnt equally much, or their times mean nothing. */
function accuracyNote({ ours, peer }: MatchResult): string {
  const percent = (runs: readonly { readonly accuracy: number }[]) =>
    `${(100 * median(runs.map(({ accuracy }) => accuracy))).toFixed(2)} %`;
  return `accuracy on the test samples at the end ${percent(ours)}${peer ? `, PyTorch ${percent(peer.runs)}` : ''}`;
}
