import { join } from 'node:path';
import type { Command } from 'commander';
import type { RoundRecord } from '../../core/records.js';
import { findRun, listRuns, readRounds, type StoredRun } from '../../store/read-runs.js';
import { counted, formatCount, formatDuration, formatMetric, metricLabel, scalarMetrics } from '../report/format.js';
import type { Screen } from '../report/screen.js';
import { curveLines, fromHere, lossLines, metricLines } from '../report/summary.js';
import { type Column, table } from '../report/table.js';
import { jsonOption, outOption, verboseOption } from '../run-settings.js';
import { openTerminal, type Terminal } from '../terminal.js';

interface RunsFlags {
  readonly out: string;
  readonly json?: true;
}

/** Rounds that `show` prints at most; longer runs are thinned out evenly. */
const ROUNDS_SHOWN = 20;

export function addRunsCommand(program: Command): void {
  const runs = program
    .command('runs')
    .summary('list the runs of a folder, or show one')
    .description('Looks at past and present runs.')
    .helpCommand(false);
  const add = (command: Command) => command.addOption(outOption()).addOption(jsonOption()).addOption(verboseOption());
  add(runs.command('list').description('lists the runs, the latest last')).action(async (flags: RunsFlags) => {
    list(await listRuns(flags.out), flags.out, await openTerminal(flags.json ?? false));
  });
  add(runs.command('show').description('shows a run: its arguments, rounds and accuracy curve'))
    .argument('<id>', "the run's name, a part of it that no other has, or latest")
    .action(async (id: string, flags: RunsFlags) => {
      const run = await findRun(flags.out, id);
      await show(run, await readRounds(run.path), await openTerminal(flags.json ?? false));
    });
}

function list(runs: readonly StoredRun[], root: string, { screen, json }: Terminal): void {
  for (const run of runs) json?.write(runEvent(run));
  if (json !== undefined) return;
  if (runs.length === 0) return screen.line(`No runs in ${fromHere(root) || '.'} yet.`);
  const rows = runs.map(({ file, status }) => {
    const [main] = scalarMetrics(file.result?.metrics ?? null);
    return {
      run: file.run,
      status: colored(status, screen),
      rounds: `${file.result?.rounds ?? '?'}/${file.arguments.rounds}`,
      result: main === undefined ? '' : `${metricLabel(main[0])} ${formatMetric(...main)}`,
      algorithm: algorithmOf(file.task),
      clients: `${formatCount(file.arguments.clientsPerRound)} of ${formatCount(file.arguments.clients)}`,
      seed: String(file.seed),
    };
  });
  const columns: Column<(typeof rows)[number]>[] = [
    { field: 'run' },
    { field: 'status' },
    { field: 'rounds', right: true },
    { field: 'result', right: true },
    { field: 'algorithm' },
    { field: 'clients', right: true },
    { field: 'seed', right: true },
  ];
  for (const line of table(rows, columns, screen)) screen.line(line);
}

async function show(run: StoredRun, rounds: readonly RoundRecord[], { screen, json }: Terminal): Promise<void> {
  json?.write(runEvent(run));
  for (const round of rounds) json?.write({ event: 'round', ...round });
  if (json !== undefined) return;
  for (const line of [...headLines(run, screen), ...roundLines(rounds, run, screen)]) screen.line(line);
}

function headLines({ file, status, path }: StoredRun, screen: Screen): string[] {
  const { arguments: args, versions, processor, result, error } = file;
  const endMs = file.finishedAt === null ? undefined : Date.parse(file.finishedAt);
  const lasted = endMs === undefined ? '' : `, ${formatDuration(endMs - Date.parse(file.startedAt))}`;
  const facts: [string, string][] = [
    ['status', `${colored(status, screen)}${error === undefined ? '' : `: ${error.message}`}`],
    ['started', `${timeText(file.startedAt)}${lasted}`],
    ...(file.resumedAt === undefined ? [] : [['resumed', timesText(file.resumedAt)] satisfies [string, string]]),
    ...(args.replayOf === undefined ? [] : [['replay of', args.replayOf] satisfies [string, string]]),
    ['task', `${file.task.name}, ${algorithmOf(file.task)} (${fromHere(file.taskFile)})`],
    ['clients', `${formatCount(args.clients)}, ${formatCount(args.clientsPerRound)} a round`],
    ['rounds', `${result?.rounds ?? '?'} of ${args.rounds}`],
    ['seed', String(file.seed)],
    ...(args.set.length > 0 ? [['set', args.set.join(' ')] satisfies [string, string]] : []),
    ['versions', `fedloom ${versions.fedloom}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}`],
    ['processor', `${processor.model}, ${processor.cores} cores`],
    ['folder', fromHere(path) || '.'],
  ];
  const results = result === null ? [] : metricLines(result.metrics, result.clientMetrics);
  const { modelRound = null, modelHash } = file;
  const saved = modelHash ?? result?.modelHash;
  // A run that did not end in order may have lines of later rounds than that of its model.
  const made = modelRound === null || status === 'completed' ? '' : `, after ${counted(modelRound + 1, 'round')}`;
  const hash =
    saved === undefined
      ? []
      : [`model       ${fromHere(join(path, 'model.safetensors'))}${made}`, screen.colors.dim(`  ${saved}`)];
  return [
    screen.colors.bold(file.run),
    ...facts.map(([name, text]) => `${name.padEnd(12)}${text}`),
    ...results,
    ...(result?.losses === undefined ? [] : lossLines(result.losses).map(screen.colors.yellow)),
    ...hash,
  ];
}

function timeText(at: string): string {
  return new Date(at).toLocaleString('sv');
}

function timesText(times: readonly string[]): string {
  return `${counted(times.length, 'time')}, last ${timeText(times.at(-1) ?? '')}`;
}

function roundLines(rounds: readonly RoundRecord[], { path }: StoredRun, screen: Screen): string[] {
  if (rounds.length === 0) return ['', 'No round is finished.'];
  const metric = rounds.flatMap(({ metrics }) => scalarMetrics(metrics)).at(0)?.[0];
  const metricOf = ({ metrics }: RoundRecord) => (metric === undefined ? undefined : metrics?.[metric]);
  const points = rounds.flatMap((record) => {
    const value = metricOf(record);
    return typeof value === 'number' && Number.isFinite(value) ? [{ round: record.round, value }] : [];
  });
  const step = Math.ceil(rounds.length / ROUNDS_SHOWN);
  const shown = rounds.filter((_round, i) => (i + 1) % step === 0 || i === rounds.length - 1);
  const rows = shown.map((record) => {
    const value = metricOf(record);
    return {
      round: String(record.round + 1),
      'train loss': record.trainLoss === null ? '' : formatMetric('loss', record.trainLoss),
      metric: metric === undefined || typeof value !== 'number' ? '' : formatMetric(metric, value),
      clients: `${record.counted.length}/${record.cohort.length}`,
      samples: formatCount(record.sampleCount),
      time: formatDuration(record.ms.total),
    };
  });
  const columns: Column<(typeof rows)[number]>[] = [
    { field: 'round', right: true },
    { field: 'train loss', right: true },
    { field: 'metric', title: metric === undefined ? 'metric' : metricLabel(metric), right: true },
    { field: 'clients', right: true },
    { field: 'samples', right: true },
    { field: 'time', right: true },
  ];
  const thinned =
    step === 1
      ? []
      : [
          screen.colors.dim(
            `Every ${step}th of ${rounds.length} rounds; all are in ${fromHere(join(path, 'metrics.jsonl'))}.`,
          ),
        ];
  return [...curveLines(metric, points, screen), '', ...table(rows, columns, screen), ...thinned];
}

function runEvent({ file, status, path }: StoredRun) {
  return { event: 'run' as const, folder: path, ...file, status };
}

function algorithmOf(task: object): string {
  const { algorithm } = task as { readonly algorithm?: { readonly name?: string } };
  return algorithm?.name ?? '';
}

function colored(status: StoredRun['status'], { colors }: Screen): string {
  if (status === 'completed') return colors.green(status);
  if (status === 'running') return colors.cyan(status);
  return status === 'failed' ? colors.red(status) : colors.yellow(status);
}
