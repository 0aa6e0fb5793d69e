import { resolve } from 'node:path';
import { FedloomError, INFERENCE_INPUT, inferenceInfo, type NamedTensors } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { storageError } from '../../core/node/storage-error.js';
import { onnxOf, readRunModel } from '../../inference/node/run-model.js';
import { findRun } from '../../store/read-runs.js';
import { writeWhole } from '../../store/write-whole.js';
import { counted, formatCount } from '../report/format.js';
import { fromHere } from '../report/summary.js';
import { jsonOption, outOption, verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

interface ExportFlags {
  readonly onnx?: string;
  readonly safetensors?: string;
  readonly best?: true;
  readonly out: string;
  readonly json?: true;
}

export function addExportCommand(program: Command, exit: (code: number) => void): void {
  program
    .command('export')
    .summary("write a run's model for use elsewhere")
    .description(
      'Writes the model of a run as ONNX, which takes raw samples as the clients held them, any number at a time, and gives ' +
        "prediction, and of a classifier probabilities and label; or its parameters as safetensors, under the model's names: " +
        '<position>.weight and <position>.bias, as those of torch.nn.Sequential with the same layers.',
    )
    .argument('<run>', "the run's name, a part of it that no other has, its folder, or latest")
    .addOption(new Option('--onnx <file>', 'write the model as ONNX'))
    .addOption(new Option('--safetensors <file>', 'write its parameters as safetensors'))
    .option('--best', 'the model of the best round, which --keep-best kept, in place of the last')
    .addOption(outOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (id: string, flags: ExportFlags) => exit(await exportModel(id, flags)));
}

async function exportModel(id: string, flags: ExportFlags): Promise<number> {
  if (flags.onnx === undefined && flags.safetensors === undefined) {
    throw new FedloomError(
      'usage.export',
      'Say what to write: --onnx model.onnx, --safetensors model.safetensors, or both.',
    );
  }
  const { screen, json } = await openTerminal(flags.json ?? false);
  const run = await findRun(flags.out, id);
  const model = await readRunModel(run, flags.best);
  const told = { run: run.file.run, modelHash: model.hash };
  if (flags.onnx !== undefined) {
    const file = resolve(flags.onnx);
    const onnx = await onnxOf(run, model);
    await write(file, onnx, '--onnx');
    json?.write({ event: 'exported', ...told, format: 'onnx', file });
    screen.line(`${fromHere(file)}: takes ${INFERENCE_INPUT}, and gives ${inferenceInfo(onnx)?.outputs.join(', ')}`);
  }
  if (flags.safetensors !== undefined) {
    const file = resolve(flags.safetensors);
    await write(file, model.bytes, '--safetensors');
    json?.write({ event: 'exported', ...told, format: 'safetensors', file });
    screen.line(`${fromHere(file)}: ${counted(model.parameters.size, 'tensor')}`);
    for (const line of tensorLines(model.parameters)) screen.line(screen.colors.dim(line));
  }
  return 0;
}

async function write(file: string, bytes: Uint8Array, option: string): Promise<void> {
  await writeWhole(file, bytes).catch((error: unknown) => {
    throw storageError(error, 'write', file, option);
  });
}

function tensorLines(parameters: NamedTensors): string[] {
  const width = Math.max(...[...parameters.keys()].map((name) => name.length));
  return [...parameters].map(
    ([name, { dtype, shape, data }]) =>
      `  ${name.padEnd(width)}  ${dtype} [${shape.join(', ')}]  ${formatCount(data.length)}`,
  );
}
