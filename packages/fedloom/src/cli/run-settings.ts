import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { algorithmNames } from '../algorithms/registry.js';
import { parseBestRule, parseStopRule } from '../core/metric-rules.js';
import type { RunFile } from '../store/run-file.js';
import { foldNames } from '../update/folds/registry.js';
import { builtInStages } from '../update/stages/registry.js';
import { byteCount, oneOf, seconds, setting, wholeNumber } from './arguments.js';
import { addConfigOption } from './fedml-config/option.js';
import { changesAsArguments } from './load-settings.js';
import { modelPath } from './model-file.js';
import { LOG_FORMATS, type LogFormat } from './report/log.js';
import { addTrustOptions, type TrustFlags, type TrustSettings, trustAsArguments, trustOf } from './trust-settings.js';

/** What `run` and `server` have in common. */
export interface RunSettings {
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly workers: number | undefined;
  readonly set: readonly string[];
  readonly algorithm: string | undefined;
  readonly fold: string | undefined;
  readonly stages: readonly string[];
  readonly init: string | undefined;
  readonly keepBest: string | undefined;
  readonly stopWhen: string | undefined;
  readonly patience: number | undefined;
  readonly trust: TrustSettings;
  readonly out: string;
  readonly json: boolean;
  readonly logFormat: LogFormat;
  readonly verbose: boolean;
  /** What nobody said, for people: `100 clients`. */
  readonly byDefault: readonly string[];
  /** What a configuration changed, for people. */
  readonly notes: readonly string[];
}

interface Parsed extends TrustFlags {
  readonly clients?: number;
  readonly perRound?: number;
  readonly rounds?: number;
  readonly seed: number;
  readonly evaluateEvery: number;
  readonly workers?: number;
  readonly set?: string[];
  readonly algorithm?: string;
  readonly fold?: string;
  readonly stage?: string[];
  readonly init?: string;
  readonly keepBest?: string;
  readonly stopWhen?: string;
  readonly patience?: number;
  readonly out: string;
  readonly json?: true;
  readonly logFormat?: LogFormat;
  readonly verbose?: true;
  readonly configNotes?: readonly string[];
}

const CLIENTS = 100;
const PER_ROUND = 10;
const ROUNDS = 30;
export const RUNS_FOLDER = 'runs';
const SEED_MAX = 2 ** 32 - 1;

/**
 * Adds the task, the three numbers and the options of a run.
 * @param task whether the task file must be named
 */
export function addRunSettings(command: Command, task: '<task>' | '[task]'): Command {
  addConfigOption(command)
    .argument(task, 'task file: a TypeScript or JavaScript module whose default export is a task')
    .addArgument(
      new Argument('[CLIENTS]', `clients in the federation (default: ${CLIENTS})`).argParser(wholeNumber('CLIENTS', 1)),
    )
    .addArgument(
      new Argument('[PER_ROUND]', `clients that train in a round (default: ${PER_ROUND})`).argParser(
        wholeNumber('PER_ROUND', 1),
      ),
    )
    .addArgument(new Argument('[ROUNDS]', `rounds (default: ${ROUNDS})`).argParser(wholeNumber('ROUNDS', 1)))
    .addOption(new Option('--clients <n>', 'the same as CLIENTS').argParser(wholeNumber('--clients', 1)))
    .addOption(new Option('--per-round <n>', 'the same as PER_ROUND').argParser(wholeNumber('--per-round', 1)))
    .addOption(new Option('--rounds <n>', 'the same as ROUNDS').argParser(wholeNumber('--rounds', 1)))
    .addOption(
      new Option('--evaluate-every <n>', 'evaluate after every n-th round and after the last; 0: only after the last')
        .argParser(wholeNumber('--evaluate-every', 0))
        .default(1),
    )
    .addOption(seedOption())
    .addOption(workersOption())
    .addOption(setOption())
    .addOption(algorithmOption())
    .addOption(foldOption())
    .addOption(stageOption())
    .option('--init <model>', 'start from this model.safetensors, or from the model of this run, or latest')
    .addOption(
      new Option(
        '--keep-best <metric>',
        'keep the model of the best round beside the last; accuracy, or with its direction: loss:min',
      ).argParser((text: string) => checkedText(text, parseBestRule)),
    )
    .addOption(
      new Option('--stop-when <rule>', "end early when an evaluation says so: 'accuracy>=0.97'").argParser(
        (text: string, before: string | undefined) => {
          if (before !== undefined) throw new InvalidArgumentError('One rule is allowed.');
          return checkedText(text, parseStopRule);
        },
      ),
    )
    .addOption(
      new Option(
        '--patience <n>',
        'end early when n evaluations in a row were no better than the best: of --keep-best, else of the loss',
      ).argParser(wholeNumber('--patience', 1)),
    )
    .addOption(outOption())
    .addOption(jsonOption())
    .addOption(logFormatOption())
    .addOption(verboseOption());
  return addTrustOptions(command);
}

/** Texts stay as they were written: as such they are recorded. */
function checkedText(text: string, parse: (text: string) => unknown): string {
  parse(text);
  return text;
}

/** @throws FedloomError `usage.twice` when a number is given at its place and by its option, and they differ */
export function runSettings(positional: readonly (number | undefined)[], parsed: Parsed): RunSettings {
  const [first, second, third] = positional;
  const clients = oneOf('CLIENTS', first, '--clients', parsed.clients);
  const perRound = oneOf('PER_ROUND', second, '--per-round', parsed.perRound);
  const rounds = oneOf('ROUNDS', third, '--rounds', parsed.rounds);
  const clientsPerRound = perRound ?? Math.min(PER_ROUND, clients ?? CLIENTS);
  return {
    clients: clients ?? CLIENTS,
    clientsPerRound,
    rounds: rounds ?? ROUNDS,
    seed: parsed.seed,
    evaluateEvery: parsed.evaluateEvery,
    workers: parsed.workers,
    set: parsed.set ?? [],
    algorithm: parsed.algorithm,
    fold: parsed.fold,
    stages: parsed.stage ?? [],
    init: parsed.init,
    keepBest: parsed.keepBest,
    stopWhen: parsed.stopWhen,
    patience: parsed.patience,
    trust: trustOf(parsed),
    out: parsed.out,
    json: parsed.json ?? false,
    logFormat: parsed.logFormat ?? 'text',
    verbose: parsed.verbose ?? false,
    byDefault: [
      ...(clients === undefined ? [`${CLIENTS} clients`] : []),
      ...(perRound === undefined ? [`${clientsPerRound} a round`] : []),
      ...(rounds === undefined ? [`${ROUNDS} rounds`] : []),
    ],
    notes: parsed.configNotes ?? [],
  };
}

/** Settings whose model is a file, whatever run was named. @throws FedloomError `model.file` where there is none */
export async function withModelFile<S extends RunSettings>(settings: S): Promise<S> {
  const { init, out } = settings;
  return init === undefined ? settings : { ...settings, init: await modelPath(init, out) };
}

/** What a run was started with, as its folder tells it; how it is shown, and on how many threads, is up to who resumes it. */
export function settingsOf(
  { arguments: args, seed }: RunFile,
  shown: Pick<Parsed, 'out' | 'json' | 'logFormat' | 'verbose' | 'workers'>,
): RunSettings {
  const { clients, clientsPerRound, rounds, evaluateEvery, set, algorithm, fold, stages = [], init } = args;
  const { keepBest, stopWhen, patience } = args;
  return {
    ...{ keepBest, stopWhen, patience, trust: trustOf(args) },
    ...{ clients, clientsPerRound, rounds, evaluateEvery, seed, set, algorithm, fold, stages, init },
    workers: shown.workers ?? args.workers,
    out: shown.out,
    json: shown.json ?? false,
    logFormat: shown.logFormat ?? 'text',
    verbose: shown.verbose ?? false,
    byDefault: [],
    notes: [],
  };
}

/** As arguments of a command that is to run with the same. */
export function settingsAsArguments(settings: RunSettings): string[] {
  const { clients, clientsPerRound, rounds, evaluateEvery, seed, workers, stages, init, out } = settings;
  const { keepBest, stopWhen, patience, trust } = settings;
  return [
    ...[`${clients}`, `${clientsPerRound}`, `${rounds}`, '--seed', `${seed}`, '--evaluate-every', `${evaluateEvery}`],
    ...(workers === undefined ? [] : ['--workers', `${workers}`]),
    ...changesAsArguments(settings),
    ...stages.flatMap((stage) => ['--stage', stage]),
    ...(init === undefined ? [] : ['--init', init]),
    ...(keepBest === undefined ? [] : ['--keep-best', keepBest]),
    ...(stopWhen === undefined ? [] : ['--stop-when', stopWhen]),
    ...(patience === undefined ? [] : ['--patience', `${patience}`]),
    ...trustAsArguments(trust),
    ...['--out', out],
    ...shownAsArguments(settings),
  ];
}

/** How a command that is started tells what it does. */
export function shownAsArguments({ logFormat, verbose }: Pick<RunSettings, 'logFormat' | 'verbose'>): string[] {
  return [...(logFormat === 'text' ? [] : ['--log-format', logFormat]), ...(verbose ? ['--verbose'] : [])];
}

export function seedOption(): Option {
  return new Option('--seed <n>', 'seed of everything that is drawn')
    .argParser(wholeNumber('--seed', 0, SEED_MAX))
    .default(0);
}

export function workersOption(): Option {
  return new Option('--workers <n>', 'threads; results do not depend on it (default: one a core)').argParser(
    wholeNumber('--workers', 1, 1024),
  );
}

export function setOption(): Option {
  return new Option('--set <path=value>', 'change a setting of the task; may be given more than once').argParser(
    setting,
  );
}

export function algorithmOption(): Option {
  return new Option(
    '--algorithm <call>',
    `another algorithm in place of the task's, such as 'fedProx(mu=0.1)': ${algorithmNames.join(', ')}`,
  );
}

export function foldOption(): Option {
  return new Option('--fold <call>', `another fold in place of the mean, such as 'krum(f=1)': ${foldNames.join(', ')}`);
}

function stageOption(): Option {
  return new Option(
    '--stage <call>',
    `what every update passes, such as 'topK(fraction=0.01)'; may be given more than once: ${builtInStages.join(', ')}`,
  ).argParser((text: string, before: readonly string[] = []) => [...before, text]);
}

export function outOption(): Option {
  return new Option('--out <dir>', 'folder of the run folders').default(RUNS_FOLDER);
}

export function jsonOption(): Option {
  return new Option('--json', 'one JSON object a line on stdout; everything for people goes to stderr');
}

export function logFormatOption(): Option {
  const what =
    'how everything for people is written: text, or json, one object an event with time, role, rank and round';
  return new Option('--log-format <format>', `${what} (default: text)`).choices(LOG_FORMATS);
}

export function pingEveryOption(): Option {
  const what =
    'how often to ask the other end for a sign of life; below the idle timeout of proxies between (default: 15)';
  return new Option('--ping-every <seconds>', what).argParser(seconds('--ping-every'));
}

export function maxBodyOption(): Option {
  return new Option(
    '--max-body <size>',
    'largest model that the server may send, such as 2GiB (default: 1GiB)',
  ).argParser(byteCount('--max-body'));
}

export function verboseOption(): Option {
  return new Option('--verbose', 'more messages; stack traces of errors');
}
