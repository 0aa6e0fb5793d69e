import { FedloomError } from '@fedloom/engine';
import type { RunDescription } from '../../journal/record.js';
import type { StageOptions } from '../../update/stage-contract.js';
import { stageNamed } from '../../update/stages/registry.js';
import type { RunOptions } from './run-options.js';

/** What a result depends on, as the journal has it. */
export type RecordedOptions = Pick<
  RunOptions,
  'clients' | 'clientsPerRound' | 'rounds' | 'evaluateEvery' | 'seed' | 'stages' | (typeof WATCHED)[number]
>;

/** What its metrics, and the sizes of its updates, decide. */
const WATCHED = ['keepBest', 'stopWhen', 'patience', 'updateNormMax', 'sampleCountMax'] as const;
const SIZES = ['clients', 'clientsPerRound', 'rounds', 'evaluateEvery'] as const;
/** What decides whose update counts: in a replay the journal does. */
const DECIDING = [
  ...(['sampler', 'deadlineMs', 'quorum', 'graceMs', 'minimumClients', 'waitForClientsMs'] as const),
  ...(['quarantineAfter', 'overSelect', 'evaluationDeadlineMs'] as const),
];

/**
 * What a run was made with.
 * @param given anew: what is among it must be the same, and nothing that the journal decides
 * @throws FedloomError `replay.contradicts`; `stage.*`: a stage of the run is not known here, or is another
 */
export function recordedOptions({ run, options, seed }: RunDescription, given: Partial<RunOptions>): RecordedOptions {
  const sizes = Object.fromEntries(SIZES.map((name) => [name, Number(options[name])]));
  const recorded = { ...sizes, seed } as Readonly<Record<(typeof SIZES)[number] | 'seed', number>>;
  for (const [name, value] of Object.entries(recorded)) {
    const other = given[name as keyof typeof recorded];
    if (other !== undefined && other !== value) throw contradiction(run, name, `has ${value}`, other);
  }
  for (const name of WATCHED) {
    if (given[name] !== undefined && given[name] !== options[name]) {
      throw contradiction(run, name, `has ${JSON.stringify(options[name]) ?? 'none'}`, given[name]);
    }
  }
  for (const name of DECIDING) {
    if (given[name] !== undefined) throw contradiction(run, name, 'has decided already who counts', given[name]);
  }
  const stages = (options.stages ?? []) as unknown as readonly { name: string; options: StageOptions }[];
  const surplus = given.stages?.find(({ name }) => !stages.some((stage) => stage.name === name));
  if (surplus !== undefined) throw contradiction(run, 'stages', 'has no such stage', surplus.name);
  return {
    ...recorded,
    ...watchedIn(options),
    stages: stages.map(({ name, options: own }) => stageNamed(name, own, given.stages)),
  };
}

/** The options of these names that a run was made with. */
export function watchedIn(options: RunDescription['options']): Pick<RecordedOptions, (typeof WATCHED)[number]> {
  return Object.fromEntries(WATCHED.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

function contradiction(run: string, name: string, why: string, given: unknown): FedloomError {
  const value = typeof given === 'object' ? 'of its own' : JSON.stringify(given);
  const message = `A replay of ${run} cannot have ${name} ${value}: the run ${why}. Leave it out: a replay takes its settings from the journal.`;
  return new FedloomError('replay.contradicts', message, { run, option: name });
}
