import { join } from 'node:path';
import type { Command } from 'commander';
import type { ReportedResults, RoundRecord } from '../../core/records.js';
import { findRun, listRuns, readRounds, type StoredRun } from '../../store/read-runs.js';
import type { RunArguments } from '../../store/run-file.js';
import { BEST_FILE } from '../../store/run-folder.js';
import { askServer } from '../admin/ask-server.js';
import {
  allResults,
  counted,
  formatCount,
  formatDuration,
  formatMetric,
  metricLabel,
  scalarMetrics,
} from '../report/format.js';
import type { Screen } from '../report/screen.js';
import { bestLines, curveLines, fromHere, listLines, lossLines, metricLines } from '../report/summary.js';
import { type Column, table } from '../report/table.js';
import { jsonOption, outOption, verboseOption } from '../run-settings.js';
import { openTerminal, type Terminal } from '../terminal.js';

interface RunsFlags {
  readonly out: string;
  readonly json?: true;
}

/** Of more rounds, `show` prints those that were evaluated. */
const ALL_SHOWN_TO = 20;
/** Rounds that it prints at most; longer runs are thinned out evenly. */
const ROUNDS_SHOWN = 100;

/** Of a server that is running. */
const STEERING = [
  ['pause', 'lets a running server decide nothing further until it is told to resume'],
  ['resume', 'lets a paused server go on'],
  ['stop', 'ends a running server in order, after the round under way'],
] as const;
const TOLD = {
  pause: 'It is paused when the round under way is written: clients end what they train.',
  resume: 'It goes on.',
  stop: 'It ends after the round under way.',
} as const;

export function addRunsCommand(program: Command): void {
  const runs = program
    .command('runs')
    .summary('list the runs of a folder, show one, or steer one')
    .description('Looks at past and present runs, and steers those of servers on this host.')
    .helpCommand(false);
  const add = (command: Command) => command.addOption(outOption()).addOption(jsonOption()).addOption(verboseOption());
  add(runs.command('list').description('lists the runs, the latest last')).action(async (flags: RunsFlags) => {
    await list(await listRuns(flags.out), flags.out, await openTerminal(flags.json ?? false));
  });
  for (const [act, what] of STEERING) {
    add(runs.command(act).description(what))
      .argument('[id]', "the run's name, a part of it that no other has, or latest", 'latest')
      .action(async (id: string, flags: RunsFlags) => {
        const { screen, json } = await openTerminal(flags.json ?? false);
        const answer = (await askServer(flags.out, id, `POST /${act}`)) as { readonly phase: string };
        json?.write({ event: 'steered', act, ...answer });
        screen.line(TOLD[act]);
      });
  }
  add(runs.command('show').description('shows a run: its arguments, rounds and accuracy curve'))
    .argument('<id>', "the run's name, a part of it that no other has, or latest")
    .action(async (id: string, flags: RunsFlags) => {
      const run = await findRun(flags.out, id);
      await show(run, await readRounds(run.path), await openTerminal(flags.json ?? false));
    });
}

async function list(runs: readonly StoredRun[], root: string, { screen, json }: Terminal): Promise<void> {
  for (const run of runs) json?.write(runEvent(run));
  if (json !== undefined) return;
  if (runs.length === 0) return screen.line(`No runs in ${fromHere(root) || '.'} yet.`);
  const rows = await Promise.all(
    runs.map(async (run) => {
      const { file, status } = run;
      const { rounds, results } = await courseOf(run);
      const [main] = scalarMetrics(results);
      return {
        run: file.run,
        status: colored(status, screen),
        rounds: `${rounds}/${file.arguments.rounds}`,
        result: main === undefined ? '' : `${metricLabel(main[0])} ${formatMetric(...main)}`,
        algorithm: algorithmOf(file.task),
        clients: `${formatCount(file.arguments.clientsPerRound)} of ${formatCount(file.arguments.clients)}`,
        seed: String(file.seed),
      };
    }),
  );
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

/** How far a run came, and its last results: of one without an end, by the lines that it wrote. */
async function courseOf({ file, path }: StoredRun): Promise<{ rounds: number; results: ReportedResults | null }> {
  const { result } = file;
  if (result !== null) return { rounds: result.rounds, results: allResults(result.metrics, result.clientMetrics) };
  const rounds = await readRounds(path).catch(() => []);
  const evaluated = rounds.filter(({ metrics, clientMetrics }) => metrics !== null || clientMetrics !== null).at(-1);
  return { rounds: rounds.length, results: evaluated ? allResults(evaluated.metrics, evaluated.clientMetrics) : null };
}

async function show(run: StoredRun, rounds: readonly RoundRecord[], { screen, json }: Terminal): Promise<void> {
  json?.write(runEvent(run));
  for (const round of rounds) json?.write({ event: 'round', ...round });
  if (json !== undefined) return;
  for (const line of [...headLines(run, rounds, screen), ...roundLines(rounds, run, screen)]) screen.line(line);
}

function headLines({ file, status, path }: StoredRun, recorded: readonly RoundRecord[], screen: Screen): string[] {
  const { arguments: args, versions, processor, result, error, best } = file;
  const endMs = file.finishedAt === null ? undefined : Date.parse(file.finishedAt);
  const lasted = endMs === undefined ? '' : `, ${formatDuration(endMs - Date.parse(file.startedAt))}`;
  const facts: [string, string][] = [
    ['status', `${colored(status, screen)}${error === undefined ? '' : `: ${error.message}`}`],
    ['started', `${timeText(file.startedAt)}${lasted}`],
    ...(file.resumedAt === undefined ? [] : [['resumed', timesText(file.resumedAt)] satisfies [string, string]]),
    ...(args.replayOf === undefined ? [] : [['replay of', args.replayOf] satisfies [string, string]]),
    ['task', `${file.task.name}, ${algorithmOf(file.task)} (${fromHere(file.taskFile)})`],
    ['clients', `${formatCount(args.clients)}, ${formatCount(args.clientsPerRound)} a round`],
    ['rounds', `${result?.rounds ?? recorded.length} of ${args.rounds}`],
    ...(result?.stopped === undefined ? [] : [['ended', result.stopped.message] satisfies [string, string]]),
    ['seed', String(file.seed)],
    ...changesOf(args),
    ['versions', `fedloom ${versions.fedloom}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}`],
    ['processor', `${processor.model}, ${processor.cores} cores`],
    ['folder', fromHere(path) || '.'],
  ];
  const results =
    result === null
      ? []
      : [...metricLines(result.metrics, result.clientMetrics), ...listLines(result.metrics, result.clientMetrics)];
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
    ...(best === undefined ? [] : bestLines({ ...best, model: join(path, BEST_FILE) }, screen)),
  ];
}

/** What was asked for beside the task and its numbers. */
function changesOf({
  set,
  algorithm,
  fold,
  stages = [],
  init,
  keepBest,
  stopWhen,
  patience,
  updateNormMax,
  sampleCountMax,
  quarantineAfter,
  overSelect,
}: RunArguments): [string, string][] {
  const given: [string, string | undefined][] = [
    ['set', set.length === 0 ? undefined : set.join(' ')],
    ['algorithm', algorithm],
    ['fold', fold],
    ['stages', stages.length === 0 ? undefined : stages.join(' ')],
    ['init', init === undefined ? undefined : fromHere(init)],
    ['keep best', keepBest],
    ['stop when', stopWhen],
    ['patience', patience === undefined ? undefined : counted(patience, 'evaluation')],
    ['norm max', updateNormMax === undefined ? undefined : `${updateNormMax}`],
    ['samples max', sampleCountMax === undefined ? undefined : `${sampleCountMax}`],
    ['quarantine', quarantineAfter === undefined ? undefined : `after ${quarantineAfter ?? 'none'}`],
    ['over-select', overSelect === undefined ? undefined : `${overSelect}`],
  ];
  return given.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]));
}

function timeText(at: string): string {
  return new Date(at).toLocaleString('sv');
}

function timesText(times: readonly string[]): string {
  return `${counted(times.length, 'time')}, last ${timeText(times.at(-1) ?? '')}`;
}

function roundLines(rounds: readonly RoundRecord[], { path }: StoredRun, screen: Screen): string[] {
  if (rounds.length === 0) return ['', 'No round is finished.'];
  const resultsOf = ({ metrics, clientMetrics }: RoundRecord) => allResults(metrics, clientMetrics);
  const named = new Map(rounds.flatMap((record) => scalarMetrics(resultsOf(record)).map(([name]) => [name, 0])));
  const names = scalarMetrics(Object.fromEntries(named)).map(([name]) => name);
  const [metric] = names;
  const points = rounds.flatMap((record) => {
    const value = metric === undefined ? undefined : resultsOf(record)?.[metric];
    return typeof value === 'number' && Number.isFinite(value) ? [{ round: record.round, value }] : [];
  });
  const shown = roundsShown(rounds);
  const rows = shown.map((record) => ({
    round: String(record.round + 1),
    'train loss': record.trainLoss === null ? '' : formatMetric('loss', record.trainLoss),
    clients: `${record.counted.length}/${record.cohort.length}`,
    samples: formatCount(record.sampleCount),
    time: formatDuration(record.ms.total),
    ...Object.fromEntries(names.map((name) => [fieldOf(name), valueText(name, resultsOf(record)?.[name])])),
  }));
  const columns: Column<Readonly<Record<string, string>>>[] = [
    { field: 'round', right: true },
    { field: 'train loss', right: true },
    ...names.map((name) => ({
      field: fieldOf(name),
      title: name === 'loss' ? 'test loss' : metricLabel(name),
      right: true,
    })),
    { field: 'clients', right: true },
    { field: 'samples', right: true },
    { field: 'time', right: true },
  ];
  const left = rounds.length - shown.length;
  const thinned =
    left === 0
      ? []
      : [
          screen.colors.dim(
            `Shown are ${shown.length} of ${rounds.length} rounds; all are in ${fromHere(join(path, 'metrics.jsonl'))}.`,
          ),
        ];
  return [...curveLines(metric, points, screen), '', ...table(rows, columns, screen), ...thinned];
}

/** A metric may have the name of another column. */
function fieldOf(metric: string): string {
  return `metric ${metric}`;
}

function valueText(name: string, value: ReportedResults[string] | undefined): string {
  return typeof value === 'number' ? formatMetric(name, value) : '';
}

/** Of too many rounds those that were evaluated, and of too many of these an even choice, with the last. */
function roundsShown(rounds: readonly RoundRecord[]): readonly RoundRecord[] {
  if (rounds.length <= ALL_SHOWN_TO) return rounds;
  const evaluated = rounds.filter(({ metrics, clientMetrics }) => metrics !== null || clientMetrics !== null);
  const wanted = evaluated.length === 0 ? rounds : evaluated;
  const step = Math.ceil(wanted.length / ROUNDS_SHOWN);
  return wanted.filter((_round, i) => (wanted.length - 1 - i) % step === 0);
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
