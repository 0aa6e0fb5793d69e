import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { extname, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { isFedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { storageError } from '../../core/node/storage-error.js';
import { predictorOf } from '../../inference/node/load-model.js';
import { onnxOf, readRunModel } from '../../inference/node/run-model.js';
import type { Predictions } from '../../inference/predictor.js';
import { findRun } from '../../store/read-runs.js';
import { predictionInput } from '../prediction-input.js';
import { counted } from '../report/format.js';
import {
  PREDICTION_FORMATS,
  type PredictionFormat,
  type PredictionNames,
  predictionLines,
} from '../report/prediction-lines.js';
import { fromHere } from '../report/summary.js';
import { RUNS_FOLDER, verboseOption } from '../run-settings.js';

interface PredictFlags {
  readonly input: string;
  readonly out?: string;
  readonly format?: PredictionFormat;
  readonly best?: true;
  readonly runs: string;
}

/** Lines that are written at a time. */
const LINES = 1000;

export function addPredictCommand(program: Command, exit: (code: number) => void): void {
  program
    .command('predict')
    .summary("predict with a run's model")
    .description(
      'Predicts with the model of a run. Its task reads as its own: the rows of a table, pictures (a file, or those in a ' +
        'folder or in its subfolders), texts (the lines of a .txt file, or a table). Samples as clients hold them need no task: a part folder (its test ' +
        'samples), or safetensors or npz with a tensor x. Writes a line a sample, in their order.',
    )
    .argument('<run>', "the run's name, a part of it that no other has, its folder, or latest")
    .requiredOption('--input <path>', 'the samples')
    .addOption(new Option('--out <file>', 'write to this file in place of the standard output'))
    .addOption(
      new Option(
        '--format <format>',
        'csv, or json, an object a line (default: by the name of --out, otherwise csv)',
      ).choices(PREDICTION_FORMATS),
    )
    .option('--best', 'with the model of the best round, which --keep-best kept, in place of the last')
    .addOption(new Option('--runs <dir>', 'folder of the run folders').default(RUNS_FOLDER))
    .addOption(verboseOption())
    .action(async (id: string, flags: PredictFlags) => exit(await predict(id, flags)));
}

async function predict(id: string, { input, out, runs, best, format = formatOf(out) }: PredictFlags): Promise<number> {
  const run = await findRun(runs, id).catch((error: unknown) => {
    // Here --out is something else.
    if (isFedloomError(error, 'store.unknown-run')) throw error.reworded(error.message.replace('--out', '--runs'));
    throw error;
  });
  const model = await readRunModel(run, best);
  const predictor = await predictorOf(await onnxOf(run, model), model.path);
  const { x, path, files } = await predictionInput(input, run, predictor.data);
  const predictions = await predictor.predict(x);
  await predictor.close();
  const { classes } = predictor.names;
  await write(predictions, { ...(files && { files }), ...(classes && { classes }) }, format, out);
  process.stderr.write(
    `${counted(predictions.prediction.shape[0] ?? 0, 'sample')} of ${fromHere(resolve(path))}, ${run.file.run}\n`,
  );
  return 0;
}

function formatOf(out: string | undefined): PredictionFormat {
  return out !== undefined && /^\.jsonl?$/i.test(extname(out)) ? 'json' : 'csv';
}

/** @throws FedloomError `store.*` */
async function write(
  predictions: Predictions,
  names: PredictionNames,
  format: PredictionFormat,
  out: string | undefined,
): Promise<void> {
  const stream = out === undefined ? process.stdout : createWriteStream(out);
  try {
    let lines: string[] = [];
    const flush = async () => {
      if (lines.length > 0 && !stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain');
      lines = [];
    };
    for (const line of predictionLines(predictions, format, names)) if (lines.push(line) >= LINES) await flush();
    await flush();
    if (stream === process.stdout) return;
    stream.end();
    await finished(stream);
  } catch (error) {
    // Whoever reads has enough, such as `head`.
    if (out === undefined && (error as NodeJS.ErrnoException).code === 'EPIPE') return;
    throw storageError(error, 'write the predictions to', out ?? 'the standard output');
  }
}
