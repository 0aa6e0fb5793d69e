import type { Colors } from 'picocolors/types.js';
import type { RoundRecord } from '../../core/records.js';
import {
  allResults,
  counted,
  fitting,
  formatCount,
  formatDuration,
  formatMetric,
  metricLabel,
  scalarMetrics,
} from './format.js';
import type { Progress } from './progress.js';

const BAR_COLUMNS_MAX = 30;
const BAR_COLUMNS_MIN = 8;

/** The lines that a terminal shows while the run goes on; the same number of them from the first round to the last. */
export function liveLines(progress: Progress, columns: number, colors: Colors): string[] {
  if (progress.roundsDone === 0 && (progress.phase === 'preparing' || progress.phase === 'waiting')) {
    return [colors.dim(fitting([waitingText(progress)], columns))];
  }
  return [
    barLine(progress, columns, colors),
    workLine(progress, columns, colors),
    resultLine(progress, columns, colors),
  ];
}

/** One line for a round that is done. */
export function roundLine(record: RoundRecord, progress: Progress, columns = Number.POSITIVE_INFINITY): string {
  const { samplesPerSecond, leftMs, rounds } = progress;
  const parts = [
    `round ${String(record.round + 1).padStart(String(rounds).length)}/${rounds}`,
    `${record.counted.length} of ${counted(record.cohort.length, 'client')}`,
    ...lossParts(record),
    ...metricParts(record),
    ...(samplesPerSecond === undefined ? [] : [`${formatCount(samplesPerSecond)} samples/s`]),
    ...(leftMs === undefined || progress.roundsDone === rounds ? [] : [`${formatDuration(leftMs)} left`]),
  ];
  return fitting(parts, columns);
}

export function waitingText({ phase, present, clients }: Progress): string {
  if (phase === 'preparing') return 'preparing';
  return `waiting for clients: ${formatCount(present)} of ${formatCount(clients)} have joined`;
}

function barLine(progress: Progress, columns: number, { bold, cyan, dim }: Colors): string {
  const { rounds, roundsDone, leftMs } = progress;
  const share = roundsDone / rounds;
  const left = leftMs === undefined ? '' : `  ${formatDuration(leftMs)} left`;
  const head = `round ${Math.min(rounds, progress.round + 1)}/${rounds}`;
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  const room = Math.min(BAR_COLUMNS_MAX, columns - head.length - percent.length - left.length - 3);
  if (room < BAR_COLUMNS_MIN) return fitting([bold(head), percent.trim(), left.trim()], columns, '  ');
  const full = Math.round(share * room);
  return `${bold(head)}  ${cyan('█'.repeat(full))}${dim('░'.repeat(room - full))} ${percent}${left}`;
}

function workLine(progress: Progress, columns: number, { dim, yellow }: Colors): string {
  const { phase, updates, clientsPerRound, clients, samplesPerSecond } = progress;
  const speed = samplesPerSecond === undefined ? [] : [`${formatCount(samplesPerSecond)} samples/s`];
  if (phase === 'stopping') return yellow(fitting(['stopping', 'Ctrl-C again stops at once'], columns));
  const work =
    phase === 'evaluating'
      ? `evaluating on ${counted(clients, 'client')}`
      : `training ${Math.min(updates, clientsPerRound)} of ${counted(clientsPerRound, 'client')}`;
  return dim(fitting([work, ...speed], columns));
}

function resultLine({ last, evaluated }: Progress, columns: number, { green }: Colors): string {
  if (last === undefined) return '';
  // The main metric comes first: it is what people look for, and what must stay on a narrow screen.
  const [main, ...others] = metricParts(evaluated);
  const parts = [...(main === undefined ? [] : [green(main)]), ...lossParts(last), ...others];
  return fitting(parts, columns);
}

function lossParts({ trainLoss }: RoundRecord): string[] {
  return trainLoss === null ? [] : [`train loss ${formatMetric('loss', trainLoss)}`];
}

function metricParts(record: Pick<RoundRecord, 'metrics' | 'clientMetrics'> | undefined): string[] {
  return scalarMetrics(allResults(record?.metrics ?? null, record?.clientMetrics ?? null)).map(
    ([name, value]) => `${name === 'loss' ? 'test loss' : metricLabel(name)} ${formatMetric(name, value)}`,
  );
}
