import { FedloomError } from '@fedloom/engine';
import type { StoredRun } from '../store/read-runs.js';
import { type RunSettings, settingsOf } from './run-settings.js';

/** Options of `run` as they were typed, by their names in code; absent: not typed. */
export type Typed = Readonly<Record<string, unknown>>;

/** Numbers at their place on the command line. */
const PLACES = ['CLIENTS', 'PER_ROUND', 'ROUNDS'] as const;

/** What only a run that others decide has a use for. */
const MEANINGLESS = ['processes', 'deadline', 'grace', 'evaluation-deadline', 'partial-sums'] as const;

/**
 * The settings of a replay: those of its run, and how it is shown.
 * @param positional CLIENTS, PER_ROUND, ROUNDS
 * @param rounds that the run's journal holds
 * @throws FedloomError `usage.replay` for each option that is not that of the run
 */
export function replaySettings(
  { file }: StoredRun,
  positional: readonly (number | undefined)[],
  typed: Typed,
  rounds: number,
): RunSettings {
  const { arguments: args, seed, run } = file;
  const { clients, clientsPerRound, evaluateEvery, set, algorithm, fold, stages } = args;
  const sizes = [clients, clientsPerRound, args.rounds];
  const refuse = (name: string, given: unknown, had: unknown) => {
    if (given === undefined || JSON.stringify(given) === JSON.stringify(had)) return;
    const was = had === undefined || (Array.isArray(had) && had.length === 0) ? 'had none' : `had ${textOf(had)}`;
    const message = `${name} ${textOf(given)} contradicts the run ${run}, which ${was}. Leave it out: a replay does what the run did.`;
    throw new FedloomError('usage.replay', message, { option: name, given, had });
  };
  for (const [at, name] of PLACES.entries()) refuse(name, positional[at], sizes[at]);
  refuse('--clients', typed.clients, clients);
  refuse('--per-round', typed.perRound, clientsPerRound);
  refuse('--rounds', typed.rounds, args.rounds);
  refuse('--seed', typed.seed, seed);
  refuse('--evaluate-every', typed.evaluateEvery, evaluateEvery);
  refuse('--set', typed.set, set);
  refuse('--algorithm', typed.algorithm, algorithm);
  refuse('--fold', typed.fold, fold);
  refuse('--stage', typed.stage, stages);
  refuse('--keep-best', typed.keepBest, args.keepBest);
  refuse('--stop-when', typed.stopWhen, args.stopWhen);
  refuse('--patience', typed.patience, args.patience);
  refuse('--update-norm-max', typed.updateNormMax, args.updateNormMax);
  refuse('--sample-count-max', typed.sampleCountMax, args.sampleCountMax);
  refuse('--quarantine-after', typed.quarantineAfter, args.quarantineAfter === null ? 'none' : args.quarantineAfter);
  refuse('--over-select', typed.overSelect, args.overSelect);
  // The file may lie elsewhere now; whether it is the same model, the journal says.
  if (args.init === undefined) refuse('--init', typed.init, undefined);
  for (const name of MEANINGLESS) {
    if (typed[camelCase(name)] === undefined) continue;
    const message = `--${name} has no meaning with --replay: all clients train in this process, and the journal says who counted.`;
    throw new FedloomError('usage.replay', message, { option: name });
  }
  const shown = {
    out: String(typed.out),
    ...(typed.json === true && { json: true as const }),
    ...(typed.logFormat === 'json' && { logFormat: 'json' as const }),
    ...(typed.verbose === true && { verbose: true as const }),
    ...(typeof typed.workers === 'number' && { workers: typed.workers }),
  };
  const { workers: _, ...recorded } = settingsOf(file, shown);
  const init = typeof typed.init === 'string' ? typed.init : recorded.init;
  return { ...recorded, workers: shown.workers, init, rounds };
}

function camelCase(option: string): string {
  return option.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value);
}
