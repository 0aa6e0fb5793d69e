import { randomBytes } from 'node:crypto';
import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { BufferedSchedule } from '../../algorithms/algorithm.js';
import { parseBestRule, parseStopRule } from '../../core/metric-rules.js';
import type { MessageOptions } from '../../protocol/own-messages.js';
import type { Task } from '../../task/task.js';
import type { Stage } from '../../update/stage-contract.js';
import { buffered as bufferedSchedule } from '../schedule/buffered.js';
import { type RoundsOptions, rounds as roundsSchedule } from '../schedule/rounds.js';
import type { Sampler } from '../schedule/sampling.js';
import type { CoordinatorOptions, Schedule } from '../schedule/schedule.js';
import type { JournalOptions } from './journal-options.js';
import { optionProblems } from './option-problems.js';

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

/** @throws FedloomError `run.options` that names every option at fault, `metric.rule` */
export function checkRunOptions(options: RunOptions): void {
  const issues = optionProblems(options);
  if (issues.length > 0) {
    throw new FedloomError('run.options', `These options of the run are not right: ${issues.join('; ')}.`, { issues });
  }
  const { clients, clientsPerRound } = options;
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
  common: Omit<RoundsOptions, 'clientsPerRound'>,
): Schedule {
  if (buffer === undefined) return roundsSchedule({ clientsPerRound, ...common });
  const { bufferSize, stalenessMax = null } = buffer;
  return bufferedSchedule({ concurrency: clientsPerRound, bufferSize, stalenessMax, ...common });
}

export function coordinatorOptions(
  options: RunOptions,
  { deadlineMs, farewellMs: _, ...waits }: Waits,
  schedule?: BufferedSchedule,
): CoordinatorOptions {
  const { clients, clientsPerRound, rounds, evaluateEvery, minimumClients, quorum, sampler } = options;
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
    schedule: scheduleOf(schedule, clientsPerRound, common),
    ...waits,
    ...(graceMs !== undefined && { graceMs }),
    ...(waitForClientsMs !== undefined && { waitForClientsMs }),
    evaluateOnServer: true,
    evaluationDeadlineMs: deadline,
    // A run in which no round changed anything has come to nothing.
    voidRoundsMax: Math.min(VOID_ROUNDS_MAX, rounds),
    ...(evaluateEvery !== undefined && { evaluateEvery }),
    ...(minimumClients !== undefined && { minimumClients }),
  };
}

/** `20261123-184512-mnist-3f2a`: sorts by time, reads well as a folder. */
export function newRunId(task: string, now: Date = new Date()): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name = task.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 40);
  return `${stamp}-${name}-${randomBytes(2).toString('hex')}`;
}
