import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLOUDS, type Ended, Workplace } from './fedloom.js';

const lastOf = ({ stdout }: Ended) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '');

const CONFIG = `
common_args:
  random_seed: 5
train_args:
  federated_optimizer: FedProx
  fedprox_mu: 0.5
  client_num_in_total: 6
  client_num_per_round: 3
  comm_round: 2
  epochs: 2
  learning_rate: 0.2
validation_args:
  frequency_of_the_test: 2
comm_args:
  backend: MPI
`;

it('--cf gives a run what was not typed, and says what it did', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS, 'fedml_config.yaml': CONFIG });
  const ended = await place.run('run task.ts 4 --cf fedml_config.yaml --set training.localEpochs=1 --json');
  expect(ended.stderr).toContain(
    'From fedml_config.yaml: random_seed 5, federated_optimizer FedProx, fedprox_mu 0.5, client_num_per_round 3, comm_round 2, learning_rate 0.2, frequency_of_the_test 2.',
  );
  expect(ended.stderr).toContain('Without effect here, since the task or the command says it: backend.');
  expect(ended.code).toBe(0);
  const { modelHash, model } = lastOf(ended);
  const file = JSON.parse(await readFile(join(model, '../run.json'), 'utf8'));
  expect(file).toMatchObject({
    seed: 5,
    arguments: { clients: 4, clientsPerRound: 3, rounds: 2, evaluateEvery: 2, algorithm: 'fedProx(mu=0.5)' },
  });

  const typed = await place.run(
    'run task.ts 4 3 2 --seed 5 --evaluate-every 2 --algorithm fedProx(mu=0.5) --set training.optimizer.learningRate=0.2 --json',
  );
  expect(lastOf(typed)).toMatchObject({ modelHash });
});

it('--cf needs a task and a file', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  const missing = await place.run('run task.ts --cf none.yaml');
  expect(missing.stderr).toMatch('Cannot read the FedML configuration none.yaml: There is no such file.');
  expect(missing.code).toBe(1);
  const replayed = await place.run('run task.ts --replay latest --cf none.yaml');
  expect(replayed.stderr).toMatch('--cf has a meaning only with a task file that is run anew');
  expect(replayed.code).toBe(2);
});
