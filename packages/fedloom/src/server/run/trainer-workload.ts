import type { NamedTensors } from '@fedloom/engine';
import { giveTensors, testedEvaluation } from '../../compute/own-copies.js';
import { turnsOf } from '../../compute/trainer-turns.js';
import { handOver } from '../../core/hand-over.js';
import { checkTensors, countOf } from '../../core/params.js';
import { RandomStream } from '../../core/random.js';
import { copyInSafetensors } from '../../core/safetensors-views.js';
import { refuseUnappliedTerms } from '../../task/applied-terms.js';
import { checkTrainer } from '../../task/check-trainer.js';
import { toNamedTensors } from '../../task/params-like.js';
import type { TrainerTask } from '../../task/task.js';
import type { Trainer } from '../../task/trainer.js';
import { ownSpecs } from '../../update/plan-specs.js';
import type { UpdateSpec } from '../../update/update.js';
import type { ServerWorkload } from './workload.js';

/** The server's own trainer: it gives the initial model, and the held-out test if it has samples for one. */
const SERVER_INDEX = -1;

/**
 * Prepares a task with training code of its own for the server.
 * @throws FedloomError when the algorithm has client terms that the trainer does not apply
 */
export async function trainerWorkload(
  task: TrainerTask,
  options: {
    readonly seed: number;
    readonly clients: number;
    readonly clientsPerRound?: number;
    readonly rounds?: number;
    readonly initialModel?: NamedTensors;
    readonly dataDir?: string;
  },
): Promise<{ readonly workload: ServerWorkload; readonly close: () => Promise<void> }> {
  const { seed, clients, clientsPerRound, rounds, dataDir } = options;
  const trainer = await task.trainer({
    index: SERVER_INDEX,
    clientId: 'server',
    clients,
    ...(clientsPerRound !== undefined && { clientsPerRound }),
    ...(rounds !== undefined && { rounds }),
    seed,
    ...(dataDir && { dataDir }),
  });
  checkTrainer(trainer, 'the server, which is index -1,');
  const close = async () => trainer.close?.();
  const { start, specs } = await modelOf(task, trainer, options.initialModel).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const names = new Set(start.keys());
  const takeTurn = turnsOf(task);
  const workload: ServerWorkload = {
    descriptor: { kind: 'trainer', task: task.name },
    takeInitialModel: handOver(start),
    parameterCount: countOf(start),
    trained: new Set(specs.filter(({ kind }) => kind === 'trained').map(({ name }) => name)),
    specs,
    ...(trainer.keepsState && { keepsParameters: true }),
    scalars: task.algorithm.client?.terms?.scalars ?? {},
    evaluationMayFail: true,
    evaluate: (model, round, signal) =>
      takeTurn(async () => {
        const shared = new Map([...model.tensors].filter(([name]) => names.has(name)));
        await trainer.setModelParams(giveTensors(shared).tensors);
        const random = RandomStream.of(seed, 'trainer-test', round);
        const tested = await trainer.test({ round, signal, random, state: new Map() });
        const evaluation = tested === null ? undefined : testedEvaluation(tested, "The server's trainer");
        return evaluation?.sampleCount === 0 ? undefined : evaluation;
      }, signal),
  };
  return { workload, close };
}

/** The model as the trainer has it first, and what of it travels how. */
async function modelOf(
  task: TrainerTask,
  trainer: Trainer,
  initialModel: NamedTensors | undefined,
): Promise<{ readonly start: NamedTensors; readonly specs: readonly UpdateSpec[] }> {
  refuseUnappliedTerms(task.algorithm, trainer, 'the server (all clients have the same)');
  const params = toNamedTensors(await trainer.getModelParams(), "The server's trainer");
  const specs = ownSpecs(params, trainer.buffers, task.algorithm.client?.terms?.upload);
  if (initialModel !== undefined) {
    checkTensors(
      initialModel,
      specs.filter(({ kind }) => kind !== 'upload'),
      `The initial model for task "${task.name}"`,
    );
  }
  // A copy, since trainers work in place; in its bytes, since the first version is of these.
  return { start: initialModel ?? copyInSafetensors(params).tensors, specs };
}
