import { describe, expect, it } from 'vitest';
import { hashFrom } from '../core/brands.js';
import { decodeSafetensors } from '../core/safetensors.js';
import { hostUnderTest, modelOf, until } from './testing/host-under-test.js';

it('an evaluation whose model is forgotten before it begins is given up: what comes after it goes on', async () => {
  const { executor, atWork } = hostUnderTest();
  const line = await atWork(1);
  // As after a candidate that turns out to be void, while a client still trains.
  line.model(1);
  line.say({ type: 'evaluate', round: 0, clients: [{ from: 1, count: 2 }], model: modelOf(1).version });
  line.say({ type: 'forget', versions: [modelOf(1).version] });
  line.model(2);
  line.train([2], 1, 0, modelOf(2).version);
  await line.heard();
  executor.trained[0]?.end();
  await until(() => executor.trained.length === 2);
  expect(executor.trained[1]?.job).toMatchObject({ client: 2, task: 1 });
  expect(executor.evaluated).toEqual([]);
});

describe('a settlement', () => {
  const stateOf = (bytes: Uint8Array | undefined) => bytes && decodeSafetensors(bytes).get('state')?.data[0];

  it('that was lost with the line commits over the next, and hearing it twice changes nothing', async () => {
    const { executor, states, enter, atWork } = hostUnderTest();
    const first = await atWork(1);
    executor.trained[0]?.end(7);
    await until(() => first.updates.length === 1);
    await first.cut();
    expect(stateOf(states.states.get(1))).toBeUndefined();
    const second = await enter();
    second.settled([1], 0, true);
    second.settled([1], 0, true);
    second.model(1);
    second.train([1], 1, 0);
    await until(() => executor.trained.length === 2);
    expect(stateOf(executor.trained[1]?.job.state)).toBe(7);
  });

  it('before the model of the next task, and before the task: the training starts from what it committed', async () => {
    const { executor, enter } = hostUnderTest();
    const line = await enter();
    line.settled([1], 0, true);
    line.model(0);
    line.train([1], 0, 0);
    await until(() => executor.trained.length === 1);
    expect(executor.trained[0]?.job.state).toBeUndefined();
    executor.trained[0]?.end(3);
    await until(() => line.updates.length === 1);
    line.train([1], 1, 0);
    await line.heard();
    line.settled([1], 0, true);
    line.model(1);
    await until(() => executor.trained.length === 2);
    expect(stateOf(executor.trained[1]?.job.state)).toBe(3);
  });

  it('that comes last is kept before the client confirms that it has heard everything', async () => {
    const { executor, states, atWork } = hostUnderTest();
    let keep: () => void = () => {};
    const put = states.put.bind(states);
    states.put = async (client, state) => {
      await new Promise<void>((resolve) => {
        keep = resolve;
      });
      await put(client, state);
    };
    const line = await atWork(1);
    executor.trained[0]?.end(7);
    await until(() => line.updates.length === 1);
    line.settled([1], 0, true);
    line.say({ type: 'finish', reason: 'completed', message: '' });
    await line.heard();
    expect(line.end.channel.open).toBe(true);
    keep();
    expect(await line.ended).toMatchObject({ kind: 'finished' });
    expect(stateOf(states.states.get(1))).toBe(7);
  });

  it('that says no drops the state, and one of another task touches nothing', async () => {
    const { executor, states, enter } = hostUnderTest();
    const line = await enter();
    line.model(5);
    line.train([1, 2], 5, 0);
    for (const [at, state] of [8, 9].entries()) {
      await until(() => executor.trained.length === at + 1);
      executor.trained[at]?.end(state);
    }
    await until(() => line.updates.length === 2);
    line.settled([1, 2], 4, true);
    line.settled([1], 5, false);
    line.settled([1], 5, true);
    line.settled([2], 5, true);
    await until(() => states.states.has(2));
    expect([...states.states].map(([client, state]) => [client, stateOf(state)])).toEqual([[2, 9]]);
  });
});

describe('an evaluation', () => {
  const { version: model } = modelOf(0);
  const evaluate = (round: number, ...clients: number[]) =>
    ({ type: 'evaluate', round, clients: clients.map((from) => ({ from, count: 1 })), model }) as const;

  it('of the same round asks for more clients; of another it takes the place of what is left', async () => {
    const { executor, enter } = hostUnderTest();
    const line = await enter();
    line.model(0);
    line.say(evaluate(3, 0, 1));
    await until(() => executor.evaluated.length === 1);
    line.say(evaluate(3, 2));
    await line.heard();
    for (const at of [0, 1, 2]) {
      await until(() => executor.evaluated.length === at + 1);
      executor.evaluated[at]?.end();
    }
    await until(() => line.of('evaluations').length === 1);
    const evaluated = line.of('evaluations').flatMap(({ message }) => message.entries.map(({ client }) => client));
    expect(evaluated).toEqual([0, 1, 2]);
    line.say(evaluate(4, 0, 1));
    await until(() => executor.evaluated.length === 4);
    line.say(evaluate(4));
    line.say(evaluate(5, 2));
    await line.heard();
    executor.evaluated[3]?.end();
    await until(() => executor.evaluated.length === 5);
    expect(executor.evaluated[4]?.job).toMatchObject({ round: 5, clients: [2] });
  });

  it('is never reported under another round, though its client still works and others wait', async () => {
    const { executor, enter } = hostUnderTest();
    const line = await enter();
    line.model(0);
    line.say(evaluate(0, 0, 1, 2));
    await until(() => executor.evaluated.length === 1);
    executor.evaluated[0]?.end();
    await until(() => executor.evaluated.length === 2);
    // The deadline has passed: the server goes on while client 1 still works and client 0's result waits.
    line.say(evaluate(0));
    line.say(evaluate(1, 0, 1, 2));
    await line.heard();
    const reported = () => line.of('evaluations').flatMap(({ message }) => message.entries);
    let ended = 1;
    await until(() => {
      while (ended < executor.evaluated.length) executor.evaluated[ended++]?.end();
      return reported().length >= 3;
    });
    for (const { message } of line.of('evaluations')) {
      for (const { sampleCount } of message.entries) expect(sampleCount).toBe(message.round + 1);
    }
    expect(reported().map(({ client }) => client)).toEqual([0, 1, 2]);
  });

  it('that was lost with the line is made when it is asked for again', async () => {
    const { executor, enter } = hostUnderTest();
    const first = await enter();
    first.model(0);
    first.say(evaluate(3, 0));
    await until(() => executor.evaluated.length === 1);
    const ended = first.cut();
    executor.evaluated[0]?.end();
    await ended;
    const second = await enter();
    second.model(0);
    second.say(evaluate(3, 0));
    await until(() => executor.evaluated.length === 2);
    executor.evaluated[1]?.end();
    await until(() => second.of('evaluations').length === 1);
    expect(second.of('evaluations')[0]?.message).toMatchObject({ round: 3, entries: [{ client: 0 }] });
  });
});

describe('models', () => {
  it('may come after the train message, be forgotten before it, and while they are in use', async () => {
    const { executor, enter } = hostUnderTest();
    const line = await enter();
    line.train([1, 2], 0, 0);
    line.say({ type: 'forget', versions: [modelOf(0).version] });
    await line.heard();
    expect(executor.trained).toHaveLength(0);
    line.model(0);
    await until(() => executor.trained.length === 1);
    line.say({ type: 'forget', versions: [modelOf(0).version] });
    await line.heard();
    executor.trained[0]?.end();
    await until(() => line.updates.length === 1);
    expect(line.updates).toMatchObject([{ client: 1, base: modelOf(0).version }]);
    // Client 2 waits for what the server took back, until the server has another thought.
    await line.heard();
    expect(executor.trained).toHaveLength(1);
    line.settled([2], 0, false);
    line.model(1);
    line.train([2], 1, 0);
    await until(() => executor.trained.length === 2);
    expect(executor.trained[1]?.job).toMatchObject({ client: 2, task: 1 });
  });

  it('that are not what was announced end the client', async () => {
    const { enter } = hostUnderTest();
    const line = await enter();
    line.say(
      { type: 'model', version: { ...modelOf(0).version, hash: hashFrom(`sha256:${'0'.repeat(64)}`) } },
      modelOf(0).body,
    );
    await expect(line.ended).rejects.toMatchObject({ code: 'client.hash' });
  });
});
