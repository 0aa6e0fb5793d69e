import { FedloomError } from '@fedloom/engine';
import { parseCall } from '../core/call-text.js';
import type { RunResult } from '../core/records.js';
import { encodeSafetensors } from '../core/safetensors.js';
import type { Run } from '../server/run/run.js';
import { checkRunOptions, newRunId, type RunOptions } from '../server/run/run-options.js';
import type { RunArguments } from '../store/run-file.js';
import { RunFolder } from '../store/run-folder.js';
import type { Task } from '../task/task.js';
import { taskSummary } from '../task/task-summary.js';
import { stageNamed } from '../update/stages/registry.js';
import { asFedloomError } from './as-fedloom-error.js';
import { guardTask } from './guard-task.js';
import { type Interrupts, watchInterrupts } from './interrupts.js';
import { readModelFile } from './model-file.js';
import { errorEvent, type SavedRun, savedOf } from './report/json-events.js';
import { Reporter } from './report/reporter.js';
import type { RunSettings } from './run-settings.js';
import type { LoadedTask } from './task-loader.js';
import type { Terminal } from './terminal.js';

/** A run that was set going; `result` may reject for reasons of its own, beside those of `run.result`. */
export interface StartedRun {
  readonly run: Run;
  readonly result: Promise<RunResult>;
  /** Where its server listens. */
  readonly url?: string;
  /** What people should know about it beside its arguments. */
  readonly notes?: readonly string[];
}

export interface Conduct {
  readonly terminal: Terminal;
  readonly loaded: LoadedTask;
  readonly settings: RunSettings;
  readonly command: RunArguments['command'];
  /** Arguments of this command alone, for `run.json`. */
  readonly otherArguments: Readonly<Record<string, unknown>>;
  /** What this command adds to the options. */
  readonly runOptions?: Partial<RunOptions>;
  /** @param task the loaded one, with its own functions guarded against Ctrl-C */
  readonly start: (options: RunOptions, task: Task) => Promise<StartedRun>;
}

/**
 * Runs a federation from its folder to its summary: records it, shows it, ends it in order when interrupted.
 * @returns the exit code: 0 only when the run finished
 * @throws what made the run fail, after everything was saved; nothing is left of a run that could not even start
 */
export async function conductRun(conduct: Conduct): Promise<number> {
  const { terminal, loaded, settings, start } = conduct;
  const { screen, json } = terminal;
  const id = newRunId(loaded.task.name);
  const options: RunOptions = { ...(await optionsOf(settings)), ...conduct.runOptions, run: id };
  checkRunOptions(options);
  const folder = await RunFolder.create(settings.out, describe(conduct, id));
  const reporter = new Reporter(screen, loaded.task, settings);
  const interrupts = watchInterrupts(() => reporter.stopping());
  const checkpoint: RunOptions['checkpoint'] = (round, model) =>
    folder.checkpoint(round, () => encodeSafetensors(model));
  const task = guardTask(loaded.task, interrupts);
  const started = await start({ ...options, checkpoint, signal: interrupts.signal }, task).catch(
    async (error: unknown) => {
      interrupts.stop();
      await folder.discard();
      throw error;
    },
  );
  // In the same turn, so that no event is missed.
  follow(started.run, { terminal, folder, reporter });
  json?.write({ event: 'started', folder: folder.path, ...describe(conduct, id) });
  if (started.url !== undefined) json?.write({ event: 'listening', url: started.url });
  reporter.start(started);
  let result: RunResult | undefined;
  let failure: unknown;
  try {
    result = await started.result;
  } catch (error) {
    failure = error;
    result = resultIn(error);
  }
  failure = await save(folder, result, failure, interrupts);
  const saved = savedIn(folder, result);
  reporter.finish(result, saved, failure !== undefined);
  interrupts.stop();
  if (failure !== undefined) throw withResult(failure, result, saved);
  return conclude(result, folder, interrupts, terminal);
}

async function optionsOf(settings: RunSettings): Promise<RunOptions> {
  const { clients, clientsPerRound, rounds, seed, evaluateEvery, init } = settings;
  const initialModel = init === undefined ? undefined : await readModelFile(init);
  const stages = settings.stages.map((text) => {
    const { name, options } = parseCall(text, 'topK(fraction=0.01)');
    return stageNamed(name, options);
  });
  return { clients, clientsPerRound, rounds, seed, evaluateEvery, stages, ...(initialModel && { initialModel }) };
}

function describe({ loaded, settings, command, otherArguments }: Conduct, run: string) {
  const { clients, clientsPerRound, rounds, evaluateEvery, set, init, workers, seed } = settings;
  const { algorithm, fold, stages } = settings;
  const changes = { ...(algorithm && { algorithm }), ...(fold && { fold }), ...(stages.length > 0 && { stages }) };
  const given = { ...changes, ...(init && { init }), ...(workers && { workers }), ...otherArguments };
  const args: RunArguments = { command, clients, clientsPerRound, rounds, evaluateEvery, set, ...given };
  return { run, task: taskSummary(loaded.task), taskFile: loaded.file, arguments: args, seed };
}

function follow(run: Run, to: { terminal: Terminal; folder: RunFolder; reporter: Reporter }): void {
  const { folder, reporter, terminal } = to;
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
  folder: RunFolder,
  interrupts: Interrupts,
  { json, screen }: Terminal,
): number {
  if (result?.status === 'completed') {
    json?.write({ event: 'finished', ...savedOf(result, folder) });
    return 0;
  }
  const message = 'The run was cancelled before its last round.';
  json?.write({ event: 'error', code: 'run.cancelled', message, ...(result && savedOf(result, folder)) });
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
function savedIn({ savedHash, modelPath, losses }: RunFolder, result: RunResult | undefined): SavedRun {
  return { losses, modelPath: result !== undefined && savedHash === result.modelHash ? modelPath : undefined };
}

/** The failure with what is to stand in its JSON event: of the model only if it is saved. */
function withResult(failure: unknown, result: RunResult | undefined, { modelPath, losses }: SavedRun): unknown {
  if (result === undefined) return failure;
  const { rounds, metrics, clientMetrics } = result;
  const event =
    modelPath === undefined ? { rounds, metrics, clientMetrics, losses } : savedOf(result, { modelPath, losses });
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
