import { FedloomError, isFedloomError, type NamedTensors } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../../algorithms/algorithm.js';
import { hashFrom } from '../../core/brands.js';
import type { Clock } from '../../core/clock.js';
import { handOver } from '../../core/hand-over.js';
import { processor, versions } from '../../core/node/machine.js';
import { sha256 } from '../../core/node/sha256.js';
import type { RoundRecord } from '../../core/records.js';
import { decodeSafetensors } from '../../core/safetensors.js';
import { SOFTWARE } from '../../core/version.js';
import { JournalStates } from '../../journal/journal-states.js';
import type { Json, VersionMade } from '../../journal/record.js';
import { asWritten } from '../../journal/record-codec.js';
import type { Recovered } from '../../journal/recover.js';
import { RunJournal } from '../../journal/run-journal.js';
import type { JournalStorage } from '../../journal/storage.js';
import type { Task } from '../../task/task.js';
import { taskSummary } from '../../task/task-summary.js';
import type { UsualUpdate } from '../../update/usual-update.js';
import { resumePoint } from '../schedule/resume.js';
import type { Reason } from '../schedule/types.js';
import type { VirtualTime } from '../schedule/virtual-clock.js';
import type { FederationOptions } from './federation-options.js';
import type { JournalOptions } from './journal-options.js';
import { JournalPersistence, type Progress } from './journal-persistence.js';
import { otherMachine } from './other-machine.js';
import type { RunOptions } from './run-options.js';
import { MODEL, type SavedVersion } from './versions.js';
import type { ServerWorkload } from './workload.js';

/** A run that had them cannot go on without. */
const NO_WATCH = { keepBest: null, stopWhen: null, patience: null, updateNormMax: null, sampleCountMax: null };

/** A journal that is open, and where its run goes on. */
export interface OpenedJournal {
  readonly persistence: JournalPersistence;
  /** Of clients that are simulated in this process. */
  readonly states: JournalStates;
  readonly firstAttempt: number;
  readonly run: string;
  readonly resumed: FederationOptions['resumed'];
  readonly virtualTime: VirtualTime | undefined;
  /** What was usual among the updates of the rounds before, ascending. */
  readonly usual: readonly UsualUpdate[];
  /** Records of the rounds before, ascending. */
  readonly records: readonly RoundRecord[];
  /** What is to be said of the place where it goes on. */
  readonly warning: Reason | undefined;
  close(): Promise<void>;
}

/**
 * @throws FedloomError `journal.*`: there is a run already, or none, or one that is finished, of another task, or damaged;
 *   `store.*`
 */
export async function openJournal(
  { storage, mode = 'begin', alsoFinished = false, taskHash: given, onClosed }: JournalOptions,
  task: Task,
  workload: ServerWorkload,
  options: RunOptions & { readonly run: string; readonly clock: Clock },
): Promise<OpenedJournal> {
  const parts = { hash: sha256, clock: options.clock, at: new Date().toISOString() };
  const machine = { versions: versions(), processor: processor() };
  const summary = new TextEncoder().encode(JSON.stringify(taskSummary(task)));
  const taskHash = given === undefined ? sha256(summary) : hashFrom(given);
  const planHash = workload.descriptor.kind === 'plan' ? workload.descriptor.hash : null;
  const { seed = 0 } = options;
  const settings = settingsOf(options);
  const as = { taskHash, planHash, software: SOFTWARE, options: { ...NO_WATCH, ...settings, seed }, alsoFinished };
  if (mode !== 'begin') {
    const taken = await takeUp(storage, parts, as, mode);
    if (taken !== undefined) {
      const warning = otherMachine(taken.recovered.run, machine);
      return { ...(await resumed(taken.journal, taken.recovered, onClosed)), warning };
    }
  }
  const { model, architecture, platform } = machine.processor;
  const journal = await RunJournal.create(
    storage,
    {
      run: options.run,
      task: { name: task.name, hash: taskHash },
      plan: planHash === null ? null : { hash: planHash },
      algorithm: algorithmAsJson(task.algorithm),
      options: settings,
      seed,
      versions: { ...machine.versions, fedloom: SOFTWARE },
      processor: { model, architecture, platform },
    },
    parts,
    workload.planBytes,
  );
  const states = new JournalStates(journal);
  const persistence = new JournalPersistence(journal, states);
  const begun = {
    resumed: undefined,
    virtualTime: undefined,
    usual: [],
    records: [],
    run: options.run,
    firstAttempt: 0,
  };
  return { close: closing(journal, onClosed), persistence, states, ...begun, warning: undefined };
}

/** An algorithm with all of its settings, as a journal has it. */
export function algorithmAsJson({ name, hyperparameters }: FederatedAlgorithm): Json {
  return asWritten({ name, ...hyperparameters });
}

async function takeUp(
  storage: JournalStorage,
  parts: Parameters<typeof RunJournal.resume>[1],
  as: Parameters<typeof RunJournal.resume>[2],
  mode: 'resume' | 'resume-or-begin',
) {
  try {
    return await RunJournal.resume(storage, parts, as);
  } catch (error) {
    const isNone = isFedloomError(error, 'journal.none');
    if (isNone && mode === 'resume-or-begin') return undefined;
    throw error;
  }
}

function closing(journal: RunJournal, onClosed: JournalOptions['onClosed']): OpenedJournal['close'] {
  return async () => {
    await journal.close();
    onClosed?.(journal.diskWaits);
  };
}

async function resumed(
  journal: RunJournal,
  recovered: Recovered,
  onClosed: JournalOptions['onClosed'],
): Promise<Omit<OpenedJournal, 'warning'>> {
  const { versions: made, rounds, reports, lastRound, run } = recovered;
  const decided = recovered.decided.map(({ schedule }) => schedule as unknown as Progress);
  const progress = decided.at(-1);
  const records = [...reports.values()].filter(({ round }) => round < rounds);
  const saved = await Promise.all(made.map((version) => readVersion(journal, version)));
  const version = saved.at(-1);
  const frozen = await readFrozen(journal, made);
  const states = new JournalStates(journal);
  const common_ = {
    close: closing(journal, onClosed),
    states,
    run: run.run,
    firstAttempt: journal.attemptBase,
    records,
    virtualTime: progress?.virtualTime ?? undefined,
    usual: decided.flatMap(({ usual }) => usual ?? []),
  };
  // Nothing but the run's description came to the disk.
  if (version === undefined) {
    return { ...common_, persistence: new JournalPersistence(journal, states), resumed: undefined };
  }
  const lastEvaluated = records.filter(({ metrics }) => metrics !== null).at(-1);
  const isRecorded = lastRound === undefined || reports.has(lastRound.round);
  return {
    ...common_,
    persistence: new JournalPersistence(journal, states),
    resumed: {
      takeSaved: handOver({ version, older: saved.slice(0, -1), ...(frozen && { frozen }) }),
      records,
      point: {
        ...resumePoint(decided.map(({ decision }) => decision)),
        ...(!isRecorded && progress && { unrecorded: progress.decision }),
      },
      ...(lastEvaluated && { lastEvaluated }),
      ...(!isRecorded &&
        progress && { unrecorded: { ...progress.training, serverResults: lastRound?.serverResults ?? null } }),
    },
  };
}

async function readVersion(journal: RunJournal, { number, models, state }: VersionMade): Promise<SavedVersion> {
  const saved = models[MODEL];
  if (saved === undefined) {
    throw new FedloomError('journal.version', `Version ${number} has no model "${MODEL}".`, { version: number });
  }
  const model = decodeSafetensors(await journal.read('versions', saved.blob));
  const slots: NamedTensors = state === null ? new Map() : decodeSafetensors(await journal.read('versions', state));
  return { number, model, state: slots };
}

/** Those of the last version are those of all. */
async function readFrozen(journal: RunJournal, versions: readonly VersionMade[]): Promise<NamedTensors | undefined> {
  const blob = versions.at(-1)?.models[MODEL]?.frozen;
  return blob === undefined ? undefined : decodeSafetensors(await journal.read('versions', blob));
}

/** What a result depends on beside the task and the seed; what only says how long to wait may change. */
function settingsOf({
  clients,
  clientsPerRound,
  rounds,
  evaluateEvery = 1,
  stages = [],
  keepBest,
  stopWhen,
  patience,
  updateNormMax,
  sampleCountMax,
}: RunOptions): Readonly<Record<string, Json>> {
  const named = stages.map(({ name, options }) => ({ name, options }));
  const watched = {
    ...(keepBest !== undefined && { keepBest }),
    ...(stopWhen !== undefined && { stopWhen }),
    ...(patience !== undefined && { patience }),
    ...(updateNormMax !== undefined && { updateNormMax }),
    ...(sampleCountMax !== undefined && { sampleCountMax }),
  };
  return { clients, clientsPerRound, rounds, evaluateEvery, stages: named, ...watched };
}
