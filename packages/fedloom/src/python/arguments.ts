import type { TrainerClient } from '../task/trainer.js';
import type { PythonTrainerOptions } from './options.js';
import type { ArgumentValue } from './requests.js';

const EPOCHS = 1;
const BATCH_SIZE = 32;
const LEARNING_RATE = 0.01;

/** What `--set` can change: the arguments that are not for the run to decide, and the user's own. */
export function settableArguments({ args = {} }: PythonTrainerOptions): string[] {
  return [...new Set(['epochs', 'batch_size', 'lr', 'data_path', 'is_mobile', ...Object.keys(args)])];
}

/** The arguments that FedML's users expect, as far as they are known, and the user's own, which count. */
export function argumentsFor(
  { args = {}, gpus }: PythonTrainerOptions,
  client: TrainerClient,
): Readonly<Record<string, ArgumentValue>> {
  const { clients, clientsPerRound, rounds, seed, dataDir } = client;
  return {
    client_num_in_total: clients,
    ...(clientsPerRound !== undefined && { client_num_per_round: clientsPerRound }),
    ...(rounds !== undefined && { comm_round: rounds }),
    frequency_of_the_test: 1,
    epochs: EPOCHS,
    batch_size: BATCH_SIZE,
    lr: LEARNING_RATE,
    data_path: dataDir ?? './data',
    is_mobile: 0,
    gpu_server_num: 1,
    gpu_num_per_server: gpus?.length ?? 1,
    random_seed: seed,
    ...args,
  };
}
