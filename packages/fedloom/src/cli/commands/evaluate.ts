import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { Command } from 'commander';
import { planEvaluator } from '../../compute/executor-factory.js';
import type { JobPool } from '../../compute/job-pool.js';
import { openPool } from '../../compute/node/pool-choice.js';
import { resultsOf } from '../../core/evaluation.js';
import { sha256 } from '../../core/node/sha256.js';
import type { ReportedResults } from '../../core/records.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { openWorkload } from '../../server/run/open-workload.js';
import type { ServerWorkload } from '../../server/run/workload.js';
import type { Task } from '../../task/task.js';
import { guardTask } from '../guard-task.js';
import { watchInterrupts } from '../interrupts.js';
import { loadTaskWith } from '../load-settings.js';
import { modelPath, readModelFile } from '../model-file.js';
import { deviceOption, type PoolFlags, poolOf, poolOption } from '../pool-options.js';
import { listLines, metricLines } from '../report/summary.js';
import { jsonOption, outOption, setOption, verboseOption, workersOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

interface EvaluateFlags extends PoolFlags {
  readonly model: string;
  readonly workers?: number;
  readonly set?: string[];
  readonly out: string;
  readonly json?: true;
}

export function addEvaluateCommand(program: Command, exit: (code: number) => void): void {
  program
    .command('evaluate')
    .summary("evaluate a model on a task's test data")
    .description("Evaluates a model on a task's test data, as the server does after a round.")
    .argument('<task>', 'task file')
    .requiredOption('--model <model>', 'a model.safetensors, or a run: its name, a part of it, its folder, or latest')
    .addOption(workersOption())
    .addOption(poolOption('evaluates'))
    .addOption(deviceOption('evaluates'))
    .addOption(setOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (path: string, flags: EvaluateFlags) => exit(await evaluate(path, flags)));
}

async function evaluate(taskFile: string, flags: EvaluateFlags): Promise<number> {
  const { screen, json } = await openTerminal(flags.json ?? false);
  const loaded = await loadTaskWith(taskFile, { set: flags.set ?? [] });
  const interrupts = watchInterrupts(() => {});
  const log = (line: string) => screen.line(line);
  const task = guardTask(loaded.task, interrupts, { folder: dirname(loaded.file), log });
  const path = await modelPath(flags.model, flags.out);
  const model = await readModelFile(path);
  const { workers = availableParallelism() } = flags;
  const makePool = () => openPool(poolOf(flags), workers);
  const results = await evaluateModel(task, model, makePool, interrupts.signal).catch((error: unknown) => {
    if (interrupts.exitCode === undefined) throw error;
  });
  interrupts.stop();
  if (results === undefined) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode;
    throw new FedloomError(
      'evaluate.no-data',
      `Task "${task.name}" has no test data of its own to evaluate a model on.`,
    );
  }
  const modelHash = sha256(encodeSafetensors(model));
  json?.write({ event: 'evaluated', metrics: results, model: path, modelHash });
  for (const line of [...metricLines(results, {}), ...listLines(results, {})]) screen.line(line);
  return 0;
}

async function evaluateModel(task: Task, model: NamedTensors, makePool: () => JobPool, signal: AbortSignal) {
  const evaluator = planEvaluator(task, makePool);
  try {
    const { workload, close } = await openWorkload(task, {
      hash: sha256,
      seed: 0,
      clients: 0,
      evaluator,
      initialModel: model,
    });
    return await evaluateWith(workload, model, signal).finally(close);
  } finally {
    await evaluator?.close();
  }
}

async function evaluateWith(
  workload: ServerWorkload,
  tensors: NamedTensors,
  signal: AbortSignal,
): Promise<ReportedResults | undefined> {
  const bytes = encodeSafetensors(tensors);
  const evaluation = await workload.evaluate({ hash: sha256(bytes), bytes, tensors }, 0, signal);
  if (evaluation === undefined) return undefined;
  const given = resultsOf(evaluation);
  const samples = (name: string) => evaluation.statistics[name]?.weight ?? evaluation.sampleCount;
  const { results, problems } = workload.reported?.(given, samples) ?? { results: given, problems: [] };
  if (problems.length === 0) return results;
  const why = problems.join('; ').replace(/\.$/, '');
  throw new FedloomError('evaluate.metric', `Code of the task's own could not make ${why}.`, { problems });
}
