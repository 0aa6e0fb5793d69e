import { dirname, join, resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { parseCall } from '../core/call-text.js';
import type { RunResult } from '../core/records.js';
import { asSafetensors } from '../core/safetensors-views.js';
import type { Run } from '../server/run/run.js';
import { checkRunOptions, newRunId, type RunOptions } from '../server/run/run-options.js';
import type { StoredRun } from '../store/read-runs.js';
import type { BestFile, RunArguments } from '../store/run-file.js';
import { BEST_FILE, type RunFolder } from '../store/run-folder.js';
import type { Task } from '../task/task.js';
import { taskSummary } from '../task/task-summary.js';
import { stageNamed } from '../update/stages/registry.js';
import { asFedloomError } from './as-fedloom-error.js';
import { guardTask } from './guard-task.js';
import { type Interrupts, watchInterrupts } from './interrupts.js';
import { readModelFile } from './model-file.js';
import { counted } from './report/format.js';
import { errorEvent, type SavedRun, savedOf } from './report/json-events.js';
import { LogReporter } from './report/log-reporter.js';
import { Reporter } from './report/reporter.js';
import type { RunReporter } from './report/run-reporter.js';
import { modelLines } from './report/summary.js';
import { resumeHint } from './resume-hint.js';
import { beginReplay, beginRun, type RunPlace, takeUpRun } from './run-place.js';
import type { RunSettings } from './run-settings.js';
import type { LoadedTask } from './task-loader.js';
import type { Terminal } from './terminal.js';

/** A run that was set going; `result` may reject for reasons of its own, beside those of `run.result`. */
export interface StartedRun {
  readonly run: Run;
  readonly result: Promise<RunResult>;
  /** Where its server listens. */
  readonly urls?: readonly string[];
  /** What people should know about it beside its arguments. */
  readonly notes?: readonly string[];
}

export interface Conduct {
  readonly terminal: Terminal;
  readonly loaded: LoadedTask;
  readonly settings: RunSettings;
  readonly command: RunArguments['command'];
  /** A run that is to go on, in place of a new one. */
  readonly resume?: StoredRun;
  /** The run that is done again, and what is said when all came out equal. */
  readonly replayOf?: { readonly run: string; readonly conclusion: string };
  /** Arguments of this command alone, for `run.json`. */
  readonly otherArguments: Readonly<Record<string, unknown>>;
  /** What this command adds to the options. */
  readonly runOptions?: Partial<RunOptions>;
  /**
   * @param task the loaded one, with its own functions guarded against Ctrl-C
   * @param folder of the run
   */
  readonly start: (options: RunOptions, task: Task, folder: string) => Promise<StartedRun>;
}

/**
 * Runs a federation from its folder to its summary: records it, shows it, ends it in order when interrupted.
 * @returns the exit code: 0 only when the run finished
 * @throws what made the run fail, after everything was saved; nothing is left of a run that could not even start
 */
export async function conductRun(conduct: Conduct): Promise<number> {
  const { loaded, settings, resume } = conduct;
  if (resume === undefined) {
    const id = newRunId(loaded.task.name);
    const options = await optionsOf(conduct, id, settings.init);
    const begin = conduct.replayOf === undefined ? beginRun : beginReplay;
    const place = await begin(settings.out, describe(conduct, id));
    return within(place, () => conductIn(place, options, conduct));
  }
  const place = await takeUpRun(resume, loaded);
  return within(place, async () => {
    // Of a server the clients are to hear it too.
    if (place.finished !== undefined && conduct.command === 'run') return tellFinished(place.finished, place, conduct);
    const options = await optionsOf(conduct, resume.file.run, place.hasModel ? undefined : settings.init);
    return conductIn(place, options, conduct);
  });
}

/** Lets go of a run's place in the end; one whose end was not written could not be started. */
async function within(place: RunPlace, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } finally {
    await place.close();
    if (!place.folder.ended) await place.folder.discard();
  }
}

async function conductIn(place: RunPlace, options: RunOptions & { run: string }, conduct: Conduct): Promise<number> {
  const { terminal, loaded, settings } = conduct;
  const { json } = terminal;
  const { folder, journal, roundsBefore } = place;
  const reporter = reporterFor(terminal, loaded.task, settings);
  const interrupts = watchInterrupts(() => reporter.stopping());
  const checkpoint: RunOptions['checkpoint'] = (round, model) => folder.checkpoint(round, () => asSafetensors(model));
  const log = (line: string) => terminal.screen.line(line);
  const task = guardTask(loaded.task, interrupts, { folder: dirname(loaded.file), log, verbose: settings.verbose });
  const started = await conduct
    .start({ ...options, checkpoint, ...(journal && { journal }), signal: interrupts.signal }, task, folder.path)
    .catch((error: unknown) => {
      interrupts.stop();
      throw error;
    });
  // In the same turn, so that no event is missed.
  const tellsPlan = conduct.command === 'server' || settings.verbose;
  const seen = follow(started.run, { terminal, folder, reporter, tellsPlan });
  const before = roundsBefore === undefined ? {} : { roundsBefore };
  json?.write({ event: 'started', folder: folder.path, ...before, ...begunAs(conduct, options.run) });
  const { urls = [] } = started;
  const [url] = urls;
  if (url !== undefined) {
    json?.write({ event: 'listening', url, ...(urls.length > 1 && { urls }) });
    started.run.once('roundStarted', () => json?.write({ event: 'begun' }));
  }
  reporter.start(started, roundsBefore);
  // What cannot be written shows at the next checkpoint.
  if (url !== undefined) folder.listensAt(urls).catch(() => {});
  let result: RunResult | undefined;
  let failure: unknown;
  try {
    result = await started.result;
  } catch (error) {
    failure = error;
    result = resultIn(error);
  }
  if (failure !== undefined && !seen.prepared && interrupts.exitCode === undefined) {
    // It could not be started or taken up: its folder goes, or is left as it was found.
    reporter.finish(undefined, savedIn(folder, undefined), true);
    interrupts.stop();
    throw failure;
  }
  failure = await save(folder, result, failure, interrupts);
  const saved = savedIn(folder, result);
  reporter.finish(result, saved, failure !== undefined);
  if (seen.prepared && result?.status !== 'completed' && conduct.replayOf === undefined) {
    terminal.screen.line(resumeHint(folder.path));
  }
  interrupts.stop();
  if (failure !== undefined) throw withResult(failure, result, saved);
  return conclude(result, { folder, interrupts, ...conduct });
}

function reporterFor({ screen, log }: Terminal, task: Task, settings: RunSettings): RunReporter {
  return log === undefined ? new Reporter(screen, task, settings) : new LogReporter(log, task, settings);
}

/** A run that was through when its process died: only its folder did not say so. */
async function tellFinished(result: RunResult, { folder }: RunPlace, conduct: Conduct): Promise<number> {
  const { json, screen } = conduct.terminal;
  const { rounds: roundsBefore } = result;
  json?.write({ event: 'started', folder: folder.path, roundsBefore, ...begunAs(conduct, result.run) });
  await folder.finish({ status: 'completed', result });
  json?.write({ event: 'finished', ...savedOf(result, savedPlace(folder)) });
  screen.line(`All ${counted(result.rounds, 'round')} were done already: only the end was not recorded. It is now.`);
  for (const line of modelLines(folder.modelPath, result.modelHash, screen)) screen.line(line);
  return 0;
}

/** @param init the file of the model that it begins with @throws FedloomError `run.options`, `model.*`, `call.*`, `stage.*` */
async function optionsOf(
  { settings, runOptions }: Conduct,
  run: string,
  init: string | undefined,
): Promise<RunOptions & { readonly run: string }> {
  const { clients, clientsPerRound, rounds, seed, evaluateEvery } = settings;
  const watched = watchedOf(settings);
  const initialModel = init === undefined ? undefined : await readModelFile(init);
  const stages = settings.stages.map((text) => {
    const { name, options } = parseCall(text, 'topK(fraction=0.01)');
    return stageNamed(name, options);
  });
  const sizes = { clients, clientsPerRound, rounds, seed, evaluateEvery };
  const all = {
    ...sizes,
    ...watched,
    ...settings.trust,
    stages,
    ...(initialModel && { initialModel }),
    ...runOptions,
    run,
  };
  checkRunOptions(all, {});
  return all;
}

function watchedOf({ keepBest, stopWhen, patience }: RunSettings) {
  return {
    ...(keepBest !== undefined && { keepBest }),
    ...(stopWhen !== undefined && { stopWhen }),
    ...(patience !== undefined && { patience }),
  };
}

/** What programs are told of it. */
function begunAs(conduct: Conduct, run: string) {
  const { taskHash: _hash, taskFiles: _files, ...told } = describe(conduct, run);
  return told;
}

function describe({ loaded, settings, command, otherArguments, replayOf }: Conduct, run: string) {
  const { clients, clientsPerRound, rounds, evaluateEvery, set, init, workers, seed } = settings;
  const { algorithm, fold, stages } = settings;
  const watched = watchedOf(settings);
  const changes = {
    ...watched,
    ...settings.trust,
    ...(algorithm && { algorithm }),
    ...(fold && { fold }),
    ...(stages.length > 0 && { stages }),
  };
  const own = { ...otherArguments, ...(replayOf && { replayOf: replayOf.run }) };
  const given = { ...changes, ...(init && { init: resolve(init) }), ...(workers && { workers }), ...own };
  const args: RunArguments = { command, clients, clientsPerRound, rounds, evaluateEvery, set, ...given };
  const { task, file: taskFile, hash: taskHash, files: taskFiles } = loaded;
  return { run, task: taskSummary(task), taskFile, taskHash, taskFiles, arguments: args, seed };
}

/** @returns what was heard so far */
function follow(
  run: Run,
  to: { terminal: Terminal; folder: RunFolder; reporter: RunReporter; tellsPlan: boolean },
): { readonly prepared: boolean } {
  const { folder, reporter, terminal, tellsPlan } = to;
  const seen = { prepared: false };
  run.on('prepared', ({ inference, workload }) => {
    seen.prepared = true;
    if (workload.kind === 'plan' && tellsPlan) {
      const { screen } = terminal;
      terminal.json?.write({ event: 'plan', hash: workload.hash });
      screen.line(screen.colors.dim(`Plan: ${workload.hash}`));
    }
    if (inference !== undefined) folder.keepInference(inference());
  });
  run.on('best', (best) => folder.ended || folder.keepBest(best));
  run.on('update', (record) => folder.addClient(record));
  run.on('round', (record) => {
    if (folder.ended) return;
    folder.addRound(record);
    terminal.json?.write({ event: 'round', ...record });
  });
  run.on('warning', ({ code, message }) => terminal.json?.write({ event: 'warning', code, message }));
  run.on('refused', ({ client, round, code, message }) => {
    terminal.json?.write({ event: 'refused', client, round, code, message });
  });
  reporter.follow(run);
  return seen;
}

/** Writes how the run ended, and returns what is to be told as its failure. */
async function save(
  folder: RunFolder,
  result: RunResult | undefined,
  failure: unknown,
  interrupts: Interrupts,
): Promise<unknown> {
  const interrupted = interrupts.exitCode !== undefined && (failure === undefined || isCancellation(failure));
  const error = interrupted ? undefined : failure;
  try {
    await folder.finish({
      status: error !== undefined ? 'failed' : interrupted ? 'cancelled' : (result?.status ?? 'cancelled'),
      ...(error !== undefined && { error: asFedloomError(error) }),
      ...(result && { result }),
    });
    return error;
  } catch (storage) {
    return error ?? storage;
  }
}

function conclude(
  result: RunResult | undefined,
  { folder, interrupts, terminal, replayOf }: Conduct & { readonly folder: RunFolder; readonly interrupts: Interrupts },
): number {
  const { json, screen } = terminal;
  if (result?.status === 'completed') {
    json?.write({
      event: 'finished',
      ...savedOf(result, savedPlace(folder)),
      ...(replayOf && { replayOf: replayOf.run }),
    });
    if (replayOf !== undefined) screen.line(screen.colors.green(replayOf.conclusion));
    return 0;
  }
  const message = 'The run was cancelled before its last round.';
  json?.write({ event: 'error', code: 'run.cancelled', message, ...(result && savedOf(result, savedPlace(folder))) });
  if (result === undefined) screen.line('Stopped before the first round.');
  return interrupts.exitCode ?? 1;
}

function resultIn(error: unknown): RunResult | undefined {
  return error instanceof FedloomError ? (error.fields.result as RunResult | undefined) : undefined;
}

function isCancellation(error: unknown): boolean {
  return error instanceof FedloomError && /\.cancelled$|^transport\.connect$/.test(error.code);
}

/** What is not on the disk is not told as if it were. */
function savedIn(folder: RunFolder, result: RunResult | undefined): SavedRun {
  const { savedHash, modelPath, losses, best } = folder;
  return {
    losses,
    ...bestOf(folder, best),
    modelPath: result !== undefined && savedHash === result.modelHash ? modelPath : undefined,
  };
}

/** Of a folder whose model is saved. */
function savedPlace(folder: RunFolder) {
  const { modelPath, losses, best } = folder;
  return { modelPath, losses, ...bestOf(folder, best) };
}

function bestOf({ path }: RunFolder, best: BestFile | undefined): Pick<SavedRun, 'best'> {
  return best === undefined ? {} : { best: { ...best, model: join(path, BEST_FILE) } };
}

/** The failure with what is to stand in its JSON event: of the model only if it is saved. */
function withResult(failure: unknown, result: RunResult | undefined, saved: SavedRun): unknown {
  const { modelPath, losses } = saved;
  if (result === undefined) return failure;
  const { rounds, metrics, clientMetrics } = result;
  const event =
    modelPath === undefined ? { rounds, metrics, clientMetrics, losses } : savedOf(result, { ...saved, modelPath });
  return new FailedRun(failure, { ...errorEvent(failure), ...event });
}

/** A run that failed after it had begun; its model so far is saved if the event says where. */
export class FailedRun extends Error {
  constructor(
    readonly failure: unknown,
    readonly event: ReturnType<typeof errorEvent>,
  ) {
    super('the run failed', { cause: failure });
  }
}
