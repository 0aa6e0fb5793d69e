import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configSettings } from '../../../../packages/fedloom/dist/cli/fedml-config/config-settings.js';
import { readConfig } from '../../../../packages/fedloom/dist/cli/fedml-config/read-config.js';
import { scratchFolder } from '../scratch.js';
import { type Target, unlessRefusedLater, utf8 } from '../target.js';

const FILE = join(scratchFolder(), 'fedml_config.yaml');
const SETTABLE = ['training.localEpochs', 'training.batchSize', 'args.dataset'];

/** A configuration of FedML. */
export const target: Target = {
  seeds: () =>
    [
      'train_args:\n  federated_optimizer: "FedOpt"\n  server_optimizer: adam\n  server_lr: 1e-2\n  comm_round: 3\n',
      'data_args:\n  dataset: mnist\n  list: &l [1, {a: b}]\n  again: *l\nlr: 0.1\n? [x]\n: y\n',
    ].map(utf8),
  async run(input) {
    await writeFile(FILE, input);
    await unlessRefusedLater(/^fedml-config\./, async () => configSettings(FILE, await readConfig(FILE), SETTABLE));
  },
};
