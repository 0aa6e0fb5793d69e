import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { configSettings } from './config-settings.js';
import { readConfig } from './read-config.js';

const SETTABLE = ['training.localEpochs', 'training.batchSize', 'training.optimizer.learningRate'];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedml-config-'));
});

async function settingsOf(text: string, settable = SETTABLE) {
  const path = join(folder, 'fedml_config.yaml');
  await writeFile(path, text);
  return configSettings('fedml_config.yaml', await readConfig(path), settable);
}

const WHOLE = `common_args:
  training_type: "cross_silo"
  random_seed: 3
data_args:
  dataset: "mnist"
  partition_method: hetero
  partition_alpha: 0.5
train_args:
  federated_optimizer: "FedAvg"
  client_id_list: "[]"
  client_num_in_total: 1000
  client_num_per_round: 10
  comm_round: 200
  epochs: 2
  batch_size: 10
  client_optimizer: sgd
  learning_rate: 3e-2
  weight_decay: 0.001
validation_args:
  frequency_of_the_test: 5
comm_args:
  backend: "MPI"
tracking_args:
  enable_wandb: false
`;

describe('a FedML configuration', () => {
  it('says sizes, seed, algorithm and training', async () => {
    const { taken, unused, ...settings } = await settingsOf(WHOLE);
    expect(settings).toEqual({
      clients: 1000,
      perRound: 10,
      rounds: 200,
      evaluateEvery: 5,
      seed: 3,
      algorithm: 'fedAvg',
      set: ['training.localEpochs=2', 'training.batchSize=10', 'training.optimizer.learningRate=0.03'],
    });
    expect(taken).toHaveLength(9);
    const python = await settingsOf(WHOLE, [
      'args.epochs',
      'args.learning_rate',
      'args.dataset',
      'args.partition_alpha',
    ]);
    expect(python.set).toEqual([
      'args.dataset=mnist',
      'args.partition_alpha=0.5',
      'args.epochs=2',
      'args.learning_rate=0.03',
    ]);
    expect(unused.map(({ key }) => key)).toEqual([
      ...['training_type', 'dataset', 'partition_method', 'partition_alpha', 'client_id_list', 'client_optimizer'],
      ...['weight_decay', 'backend', 'enable_wandb'],
    ]);
  });

  it('says nothing about training where the task cannot be set', async () => {
    const { set, unused } = await settingsOf(WHOLE, []);
    expect(set).toEqual([]);
    expect(unused.map(({ key }) => key)).toEqual(expect.arrayContaining(['epochs', 'batch_size', 'learning_rate']));
  });

  const algorithms: [yaml: string, call: string][] = [
    ['federated_optimizer: FedProx\nfedprox_mu: 0.1', 'fedProx(mu=0.1)'],
    ['federated_optimizer: FedOpt\nserver_optimizer: adam\nserver_lr: "0.01"', 'fedAdam(serverLearningRate=0.01)'],
    ['federated_optimizer: SCAFFOLD', 'scaffold'],
    ['federated_optimizer: FedNova', 'fedNova'],
    ['federated_optimizer: Async_FedAvg', 'fedAsync'],
  ];
  for (const [yaml, call] of algorithms) {
    it(`takes ${yaml.replaceAll('\n', ', ')} for ${call}`, async () => {
      const { algorithm, unused } = await settingsOf(yaml);
      expect(algorithm).toBe(call);
      expect(unused).toEqual([]);
    });
  }

  it('names what belongs to another algorithm as unused', async () => {
    const { unused } = await settingsOf('train_args:\n  federated_optimizer: FedAvg\n  fedprox_mu: 0.1');
    expect(unused.map(({ key }) => key)).toEqual(['fedprox_mu']);
  });

  it('may be empty', async () => {
    expect(await settingsOf('')).toEqual({ set: [], taken: [], unused: [] });
  });

  const refused: [yaml: string, message: string][] = [
    ['train_args:\n  comm_round: 0', 'fedml_config.yaml:2: comm_round is 0. It must be a whole number of at least 1.'],
    ['train_args:\n  comm_round: many', 'fedml_config.yaml:2: comm_round is "many". It must be a number.'],
    ['train_args:\n  epochs:', 'epochs is null. It must be a number.'],
    ['train_args:\n  federated_optimizer: FedGAN', 'federated_optimizer is "FedGAN". Here are FedAvg, FedProx'],
    ['federated_optimizer: FedProx', 'It needs fedprox_mu'],
    ['federated_optimizer: FedOpt', 'It needs server_lr'],
    ['federated_optimizer: FedOpt\nserver_optimizer: sgd\nserver_lr: 1', 'server_optimizer is "sgd". Here is adam'],
    ['- a\n- b', 'is no FedML configuration'],
    ['train_args: {', ':1: '],
    ['a:\n  comm_round: 1\nb:\n  comm_round: 2', ':4: comm_round is 2 in b, and 1 in a (line 2). Leave one of them.'],
  ];
  for (const [yaml, message] of refused) {
    it(`refuses ${JSON.stringify(yaml)}`, async () => {
      await expect(settingsOf(yaml)).rejects.toThrow(message);
    });
  }

  it('must be there', async () => {
    await expect(readConfig(join(folder, 'none.yaml'))).rejects.toThrow('There is no such file.');
  });
});
