import { relative } from 'node:path';
import type { Losses } from '../../core/losses.js';
import type { ReportedResult, ReportedResults, RunResult } from '../../core/records.js';
import { type CurvePoint, curve } from './curve.js';
import {
  allResults,
  counted,
  formatCount,
  formatDuration,
  formatMetric,
  metricLabel,
  scalarMetrics,
} from './format.js';
import type { SavedBest } from './json-events.js';
import type { Progress } from './progress.js';
import type { Screen } from './screen.js';

/** Of a list. */
const NUMBERS_SHOWN = 10;
const LABEL_COLUMNS = 12;

interface Surroundings {
  /** Undefined: it could not be saved. */
  readonly modelPath: string | undefined;
  readonly losses: Losses;
  readonly best?: SavedBest;
  readonly failed: boolean;
  readonly elapsedMs: number;
  readonly screen: Screen;
}

/** The end of a run: what came out, how it went, where the model lies. */
export function summaryLines(
  result: RunResult,
  progress: Progress,
  { modelPath, losses, best, failed, elapsedMs, screen }: Surroundings,
): string[] {
  const { bold, green, red, yellow } = screen.colors;
  const { stopped } = result;
  const early = result.rounds < progress.rounds && stopped !== undefined;
  const of = early
    ? `${formatCount(result.rounds)} of ${counted(progress.rounds, 'round')}`
    : counted(result.rounds, 'round');
  const head =
    result.status === 'completed'
      ? `${green('Finished')} ${of} in ${formatDuration(elapsedMs)}.`
      : `${failed ? red('Failed') : yellow('Stopped')} after ${formatCount(result.rounds)} of ${counted(progress.rounds, 'round')}.`;
  return [
    ...curveLines(progress.metric, progress.points, screen),
    '',
    head,
    ...(early ? [stopped.message] : []),
    ...lossLines(losses).map(yellow),
    ...metricLines(result.metrics, result.clientMetrics).map((line, i) => (i === 0 ? bold(line) : line)),
    ...listLines(result.metrics, result.clientMetrics),
    ...(modelPath === undefined ? [red('model       not saved')] : modelLines(modelPath, result.modelHash, screen)),
    ...(best === undefined ? [] : bestLines(best, screen)),
  ];
}

/** Where a model lies, and its hash. */
export function modelLines(path: string, hash: string, { colors }: Screen): string[] {
  return [`model       ${fromHere(path)}`, colors.dim(`  ${hash}`)];
}

/** The best round, where its model lies, and its hash. */
export function bestLines({ round, metric, value, model, modelHash }: SavedBest, { colors }: Screen): string[] {
  const what = `round ${formatCount(round + 1)}, ${metricLabel(metric)} ${formatMetric(metric, value)}`;
  return [`best        ${fromHere(model)}  (${what})`, colors.dim(`  ${modelHash}`)];
}

/** What the run went on without; nothing where all who were asked counted. */
export function lossLines({ rounds, partialRounds, updates, clients }: Losses): string[] {
  if (updates === 0) return [];
  const lost = `${counted(updates, 'update')} of ${counted(clients, 'client')}`;
  const closed =
    partialRounds === 0 ? 'others took their places' : `${counted(partialRounds, 'round')} closed with too few`;
  return [`Lost: ${lost} did not count, in ${counted(rounds, 'round')}; ${closed}. The model is without them.`];
}

/** The curve of a metric below its name; nothing for fewer than two points. */
export function curveLines(metric: string | undefined, points: readonly CurvePoint[], screen: Screen): string[] {
  const chart = metric === undefined ? [] : curve(metric, points, screen.columns);
  return chart.length === 0 ? [] : ['', screen.colors.dim(metricLabel(metric as string)), ...chart];
}

/** Server's metrics, with those of the clients' own test data where they differ, or where the server has none of the name. */
export function metricLines(metrics: ReportedResults, clientMetrics: ReportedResults): string[] {
  const scalars = scalarMetrics(allResults(metrics, clientMetrics));
  const width = Math.max(LABEL_COLUMNS, ...scalars.map(([name]) => metricLabel(name).length + 2));
  return scalars.map(([name, value]) => {
    const own = clientMetrics[name];
    const text = `${metricLabel(name).padEnd(width)}${formatMetric(name, value)}`;
    if (typeof own !== 'number' || formatMetric(name, own) === formatMetric(name, value)) return text;
    return `${text}  (${formatMetric(name, own)} on the clients' own test data)`;
  });
}

/** Results that are lists: their first numbers; of a matrix, those of its first rows. */
export function listLines(metrics: ReportedResults, clientMetrics: ReportedResults): string[] {
  return Object.entries(allResults(metrics, clientMetrics) ?? {}).flatMap(([name, value]) => {
    if (typeof value === 'number') return [];
    const [first] = value;
    const label = metricLabel(name).padEnd(LABEL_COLUMNS);
    if (typeof first === 'number') return [`${label}${someOf(name, value)}`];
    const rows = value.slice(0, NUMBERS_SHOWN).map((row) => `  ${typeof row === 'number' ? row : someOf(name, row)}`);
    const more = value.length > rows.length ? [`  ... (${counted(value.length, 'row')} in all)`] : [];
    return [label.trimEnd(), ...rows, ...more];
  });
}

function someOf(name: string, list: readonly ReportedResult[]): string {
  const first = list.slice(0, NUMBERS_SHOWN).map((one) => {
    if (typeof one !== 'number') return `a list of ${one.length}`;
    return Number.isSafeInteger(one) ? String(one) : formatMetric(name, one);
  });
  return `${first.join(', ')}${list.length > first.length ? `, ... (${formatCount(list.length)} in all)` : ''}`;
}

/** A path as people would type it. */
export function fromHere(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
