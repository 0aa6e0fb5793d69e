/** Options of the library's functions, as JavaScript gives them: a wrong name is no silence. */
import {
  arrays,
  createLobby,
  createServer,
  defineTask,
  dense,
  meanSquaredError,
  replay,
  sequential,
  sgd,
  simulate,
} from 'fedloom';
import { describe, expect, it } from 'vitest';

const task = defineTask({
  name: 'line',
  data: arrays({ train: { x: [[0], [1]], y: [0, 1] } }),
  model: sequential([dense(1)]),
  loss: meanSquaredError(),
  training: { localEpochs: 1, batchSize: 1, optimizer: sgd({ learningRate: 0.1 }) },
});
const SIZE = { clients: 2, clientsPerRound: 1, rounds: 1 };

const call = async (target: (...given: never) => unknown, ...given: readonly unknown[]) =>
  Reflect.apply(target, undefined, given);
const optionsError = (says: RegExp) => ({ code: 'run.options', message: expect.stringMatching(says) });

describe('an option that does not exist', () => {
  it.each([
    ['simulate', () => call(simulate, task, { ...SIZE, somethingElse: 1 })],
    ['simulate', () => call(simulate, task, { ...SIZE, insecure: true, somethingElse: 1 })],
    ['createServer', () => call(createServer, task, { ...SIZE, clientSide: {}, somethingElse: 1 })],
  ])('is refused by %s', async (_, refused) => {
    await expect(refused()).rejects.toMatchObject(optionsError(/there is no option somethingElse/));
  });

  it('is refused by a lobby for the run that it opens', async () => {
    const lobby = await createLobby();
    await expect(call(lobby.open, task, { ...SIZE, listen: { port: 0 } })).rejects.toMatchObject(
      optionsError(/there is no option listen/),
    );
    await lobby.close();
  });

  it('is told where nothing was given at all', async () => {
    await expect(call(replay, task)).rejects.toMatchObject(
      optionsError(/journal is missing; it must be that of the run/),
    );
    await expect(call(replay)).rejects.toMatchObject({ code: 'task.definition' });
    await expect(call(simulate, task)).rejects.toMatchObject(optionsError(/they are undefined; give an object/));
  });
});

it('patience without evaluations to count is refused', async () => {
  await expect(call(simulate, task, { ...SIZE, patience: 2, evaluateEvery: 0 })).rejects.toMatchObject(
    optionsError(/patience counts evaluations/),
  );
});
