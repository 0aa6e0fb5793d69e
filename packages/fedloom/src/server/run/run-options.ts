import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { BufferedSchedule } from '../../algorithms/algorithm.js';
import { parseBound } from '../../core/bound.js';
import { parseBestRule, parseStopRule } from '../../core/metric-rules.js';
import {
  aboveZero,
  atLeastZero,
  type OptionCheck,
  type OptionRules,
  optionProblems,
  orNull,
  text,
  whole,
} from '../../core/option-problems.js';
import { randomHex } from '../../core/random-hex.js';
import { wireLimits } from '../../protocol/limits.js';
import type { MessageOptions } from '../../protocol/own-messages.js';
import type { Task } from '../../task/task.js';
import type { Stage } from '../../update/stage-contract.js';
import { buffered as bufferedSchedule } from '../schedule/buffered.js';
import { type RoundsOptions, rounds as roundsSchedule } from '../schedule/rounds.js';
import type { Sampler } from '../schedule/sampling.js';
import type { CoordinatorOptions, Schedule } from '../schedule/schedule.js';
import type { JournalOptions } from './journal-options.js';

/** What a run needs beside its task, wherever it runs. */
export interface RunOptions extends MessageOptions {
  /** Clients in the federation. */
  readonly clients: number;
  /** Clients that train in a round. */
  readonly clientsPerRound: number;
  readonly rounds: number;
  /** Seed of everything that is drawn, but for the cohorts, which depend on the round alone. Default 0. */
  readonly seed?: number;
  /** Evaluate after every so many rounds, counted from round 0, and after the last. 0: only after the last. Default 1. */
  readonly evaluateEvery?: number;
  /** Start from these parameters instead of seeded ones. */
  readonly initialModel?: NamedTensors;
  /** Clients that must have joined before the first round. Default: all. */
  readonly minimumClients?: number;
  /** How long a round waits for its cohort before it goes on with a quorum or replaces who is missing. Null: without end. */
  readonly deadlineMs?: number | null;
  /** Updates that suffice once the deadline has passed. Default: half of the cohort, rounded up. */
  readonly quorum?: number;
  /** Which clients train when. Default `fedmlSampling()`. */
  readonly sampler?: Sampler;
  /** Names the run. Default: the time, the task's name and four random characters. */
  readonly run?: string;
  /**
   * How large an update may be, by its l2 norm: a number; a multiple of what was usual in the last ten rounds, `10x`; both,
   * `10x,25`; or `none`. A number bounds the trained deltas; a multiple those, the buffers, and the algorithm's uploads, each by its
   * own. Default `1000x`: it stops what no training comes to.
   */
  readonly updateNormMax?: number | string;
  /** How many samples an update may claim, likewise: `100000`, `20x`. Default `none`: 1e9, as for all. */
  readonly sampleCountMax?: number | string;
  /**
   * Updates of a client that are refused for what they are, or stand out in rounds that are void, before it is not asked for 4 rounds,
   * the next time for 8, and so on. Null: never. Default 3.
   */
  readonly quarantineAfter?: number | null;
  /**
   * So many times as many clients are asked as a round needs, at least 1; the first that answer count. Default 1. Who counts then
   * depends on who comes first: in simulations by a virtual clock and the task's `speed`; a served run is repeated by `replay` alone.
   */
  readonly overSelect?: number;
  /** How long an evaluation waits for the clients, in milliseconds; null: without end. Default: half of the rounds' deadline. */
  readonly evaluationDeadlineMs?: number | null;
  /** Called with each round's model; the round goes on when it settles. */
  readonly checkpoint?: (round: number, model: NamedTensors) => void | Promise<void>;
  /**
   * How long a client that is to train may be away before another takes its place, in milliseconds; null: until the deadline,
   * as one that trains, and where there is none, until nobody else trains. Default: 10 s for servers, null for simulations.
   */
  readonly graceMs?: number | null;
  /**
   * How long a run that is complete waits for clients whose line broke shortly before, so that they hear of it and of their last
   * settlement, in milliseconds; 0: not at all. Default: 10 s for servers, 0 for simulations.
   */
  readonly farewellMs?: number;
  /** How long the run waits for its first clients before it fails, in milliseconds; null, the default: without end. */
  readonly waitForClientsMs?: number | null;
  /** What the server may hold of a round's updates at once, for folds that need all of them. Default: half of the machine's memory. */
  readonly memoryBytesMax?: number;
  /** Where the run is written down, so that it can go on after whatever ends its process. Default: nowhere. */
  readonly journal?: JournalOptions;
  /** What every update passes on its way, after the algorithm's own stages. */
  readonly stages?: readonly Stage[];
  /**
   * Keep the model of the best round beside the last: the name of a metric, `accuracy`, or with its direction, `loss:min`,
   * `score:max`. Losses and errors are better the smaller they are, everything else the larger. Names are those of
   * `metrics` in the rounds' records, then of `clientMetrics`.
   */
  readonly keepBest?: string;
  /** End the run early, in order, when an evaluation says so: `accuracy>=0.97`, `loss<0.1`. */
  readonly stopWhen?: string;
  /** End the run early when so many evaluations in a row were not better than the best: of `keepBest`, else of the loss. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

/** All stages of a run, in the order of their client halves. */
export function federationStages(task: Task, { stages = [] }: Pick<RunOptions, 'stages'>): readonly Stage[] {
  return [...(task.algorithm.client?.stages ?? []), ...stages];
}

/** In a row. */
const VOID_ROUNDS_MAX = 3;
const QUARANTINE_AFTER = 3;
const ROUNDS_MAX = 2 ** 31 - 1;
const RUN_NAME = /^[A-Za-z0-9._:-]{1,128}$/;

const bound: OptionCheck = [
  (value) => typeof value === 'number' || typeof value === 'string',
  "a number, a multiple such as '10x', both ('10x,25'), or 'none'",
];

const REQUIRED = {
  clients: whole(1, wireLimits.clientsPerSessionMax),
  clientsPerRound: whole(1),
  rounds: whole(1, ROUNDS_MAX),
} satisfies Partial<Record<keyof RunOptions, OptionCheck>>;

const OPTIONAL = {
  seed: [Number.isSafeInteger, 'a whole number'],
  evaluateEvery: whole(0),
  patience: whole(1),
  keepBest: text,
  stopWhen: text,
  minimumClients: whole(1),
  deadlineMs: orNull(aboveZero),
  quorum: whole(1),
  memoryBytesMax: aboveZero,
  graceMs: orNull(atLeastZero),
  farewellMs: atLeastZero,
  waitForClientsMs: orNull(aboveZero),
  updateNormMax: bound,
  sampleCountMax: bound,
  quarantineAfter: orNull(whole(1)),
  overSelect: [(value) => typeof value === 'number' && value >= 1 && value <= 1000, 'a number from 1 to 1000'],
  evaluationDeadlineMs: orNull(aboveZero),
  stages: [
    (value) => Array.isArray(value) && value.every((stage) => typeof stage?.name === 'string' && 'options' in stage),
    'a list of stages, such as [topK({ fraction: 0.01 })]',
  ],
  run: [
    (value) => typeof value === 'string' && RUN_NAME.test(value),
    'a name of 1 to 128 letters, digits, dots, dashes, colons or underscores',
  ],
} satisfies Partial<Record<keyof RunOptions, OptionCheck>>;

/** Checked by those who use them. The compiler sees that no option of a run is forgotten here. */
const OTHERS: Readonly<Record<Exclude<keyof RunOptions, keyof typeof REQUIRED | keyof typeof OPTIONAL>, true>> = {
  initialModel: true,
  sampler: true,
  checkpoint: true,
  journal: true,
  signal: true,
  messages: true,
  onPeer: true,
};

/** Of options that a kind of run has beside those of all: their checks, or true for those that are checked elsewhere. */
export type MoreOptions<Options extends RunOptions> = Readonly<
  Record<Exclude<keyof Options, keyof RunOptions>, OptionCheck | true>
>;

function rulesWith(more: Readonly<Record<string, OptionCheck | true>>): OptionRules {
  const checked = Object.entries(more).filter((entry): entry is [string, OptionCheck] => entry[1] !== true);
  return {
    example: '{ clients: 100, clientsPerRound: 10, rounds: 30 }',
    required: REQUIRED,
    optional: { ...OPTIONAL, ...Object.fromEntries(checked) },
    others: [...Object.keys(OTHERS), ...Object.keys(more)],
  };
}

/** @throws FedloomError `run.options` that names every option at fault, `metric.rule`, `bound.syntax` */
export function checkRunOptions<Options extends RunOptions>(options: Options, more: MoreOptions<Options>): void {
  const issues = optionProblems(options, rulesWith(more));
  if (issues.length > 0) {
    throw new FedloomError('run.options', `These options of the run are not right: ${issues.join('; ')}.`, { issues });
  }
  const { clients, clientsPerRound, updateNormMax, sampleCountMax } = options;
  if (updateNormMax !== undefined) parseBound(updateNormMax, 'updateNormMax');
  if (sampleCountMax !== undefined) parseBound(sampleCountMax, 'sampleCountMax');
  if (options.keepBest !== undefined) parseBestRule(options.keepBest);
  if (options.stopWhen !== undefined) parseStopRule(options.stopWhen);
  if (clientsPerRound > clients) {
    throw new FedloomError(
      'run.options',
      `${clientsPerRound} clients a round were asked for, but the federation has only ${clients}. ` +
        'Ask for fewer a round, or for more clients.',
      { clients, clientsPerRound },
    );
  }
  if (options.patience !== undefined && options.evaluateEvery === 0) {
    const issue = 'patience counts evaluations, and evaluateEvery 0 has none before the end: leave one of them out';
    throw new FedloomError('run.options', `${issue}.`, { issues: [issue] });
  }
  for (const [name, value, max] of [
    ['minimumClients', options.minimumClients, clients],
    ['quorum', options.quorum, clientsPerRound],
  ] as const) {
    if (value !== undefined && value > max) {
      throw new FedloomError('run.options', `${name} is ${value}, but can be at most ${max}.`, {
        option: name,
        value,
        max,
      });
    }
  }
}

/** How long a run waits for its clients, where its options do not say. */
export interface Waits {
  /** For a round's cohort. */
  readonly deadlineMs: number | null;
  readonly graceMs?: number;
  readonly noticeEveryMs?: number;
  readonly farewellMs?: number;
}

/** @throws FedloomError `run.options` where a buffered run is asked for what it has not */
function scheduleOf(
  buffer: BufferedSchedule | undefined,
  clientsPerRound: number,
  overSelect: number | undefined,
  common: Omit<RoundsOptions, 'clientsPerRound' | 'overSelect'>,
): Schedule {
  if (buffer === undefined) {
    return roundsSchedule({ clientsPerRound, ...common, ...(overSelect !== undefined && { overSelect }) });
  }
  if (overSelect !== undefined) {
    const issue = 'overSelect has a meaning only for rounds, and the algorithm trains without them';
    throw new FedloomError('run.options', `These options of the run are not right: ${issue}.`, { issues: [issue] });
  }
  const { bufferSize, stalenessMax = null } = buffer;
  return bufferedSchedule({ concurrency: clientsPerRound, bufferSize, stalenessMax, ...common });
}

export function coordinatorOptions(
  options: RunOptions,
  { deadlineMs, farewellMs: _, ...waits }: Waits,
  schedule?: BufferedSchedule,
): CoordinatorOptions {
  const { clients, clientsPerRound, rounds, evaluateEvery, minimumClients, quorum, sampler, overSelect } = options;
  const deadline = options.deadlineMs === undefined ? deadlineMs : options.deadlineMs;
  const common = {
    deadlineMs: deadline,
    ...(quorum !== undefined && { quorum }),
    ...(sampler !== undefined && { sampler }),
  };
  const { graceMs, waitForClientsMs } = options;
  return {
    clients,
    rounds,
    schedule: scheduleOf(schedule, clientsPerRound, overSelect, common),
    ...waits,
    ...(graceMs !== undefined && { graceMs }),
    ...(waitForClientsMs !== undefined && { waitForClientsMs }),
    evaluateOnServer: true,
    evaluationDeadlineMs: options.evaluationDeadlineMs === undefined ? halfOf(deadline) : options.evaluationDeadlineMs,
    quarantineAfter: options.quarantineAfter === undefined ? QUARANTINE_AFTER : options.quarantineAfter,
    // A run in which no round changed anything has come to nothing.
    voidRoundsMax: Math.min(VOID_ROUNDS_MAX, rounds),
    ...(evaluateEvery !== undefined && { evaluateEvery }),
    ...(minimumClients !== undefined && { minimumClients }),
  };
}

/** To test takes less than to train. */
function halfOf(deadlineMs: number | null): number | null {
  return deadlineMs === null ? null : Math.ceil(deadlineMs / 2);
}

/** `20261123-184512-mnist-3f2a`: sorts by time, reads well as a folder. */
export function newRunId(task: string, now: Date = new Date()): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name = task.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 40);
  return `${stamp}-${name}-${randomHex(2)}`;
}
