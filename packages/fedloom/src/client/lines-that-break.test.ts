import { describe, expect, it } from 'vitest';
import { hostUnderTest, modelOf, until } from './testing/host-under-test.js';

const LOST = { kind: 'lost', joined: true };

describe('a train message that comes again with a higher attempt', () => {
  it('while the client trains: it goes on, and its update answers the last attempt', async () => {
    const { executor, atWork } = hostUnderTest();
    const line = await atWork(1);
    line.train([1], 0, 2);
    await line.heard();
    executor.trained[0]?.end();
    await until(() => line.updates.length === 1);
    expect(line.updates).toMatchObject([{ client: 1, task: 0, attempt: 2, base: modelOf(0).version }]);
    expect(executor.trained).toHaveLength(1);
  });

  it('while the client waits for its turn: it trains once', async () => {
    const { executor, atWork } = hostUnderTest();
    const line = await atWork(1, 2);
    line.train([2], 0, 1);
    await line.heard();
    executor.trained[0]?.end();
    await until(() => executor.trained.length === 2);
    executor.trained[1]?.end();
    await until(() => line.updates.length === 2);
    expect(line.updates.map(({ client, attempt }) => [client, attempt])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(executor.trained).toHaveLength(2);
  });

  it('when the client has finished: it sends the same bytes again, under the new attempt', async () => {
    const { executor, atWork } = hostUnderTest();
    const line = await atWork(1);
    executor.trained[0]?.end();
    await until(() => line.updates.length === 1);
    line.train([1], 0, 1);
    await until(() => line.updates.length === 2);
    expect(line.updates.map(({ attempt }) => attempt)).toEqual([0, 1]);
    const [first, second] = line.of('update').map(({ body }) => body);
    expect(second).toEqual(first);
    expect(executor.trained).toHaveLength(1);
  });

  it('after the line broke: what was finished meanwhile is sent, and nothing before the server has taken the client in', async () => {
    const { executor, dial, atWork } = hostUnderTest();
    const first = await atWork(1, 2);
    expect(await first.cut()).toMatchObject(LOST);
    // Training goes on without a line, also that of clients that waited for their turn.
    executor.trained[0]?.end();
    await until(() => executor.trained.length === 2);
    const second = await dial();
    await second.challenge();
    executor.trained[1]?.end();
    await second.heard();
    expect(second.types).toEqual(['hello', 'auth']);
    second.welcome();
    await until(() => second.types.includes('join'));
    second.say({ type: 'joined', clients: [{ from: 0, count: 8 }] });
    second.model(0);
    second.train([1, 2], 0, 1);
    await until(() => second.updates.length === 2);
    expect(second.updates.map(({ client, attempt }) => [client, attempt])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(second.end.channel.open).toBe(true);
    expect(executor.trained).toHaveLength(2);
  });

  it('of a newer task, after the older one has been given up: the older job takes nothing of it along', async () => {
    const { executor, enter } = hostUnderTest();
    const line = await enter();
    line.model(0);
    line.model(1);
    line.train([1], 0, 0);
    await until(() => executor.trained.length === 1);
    line.train([1], 1, 0);
    await line.heard();
    executor.trained[0]?.end();
    await until(() => executor.trained.length === 2);
    line.train([1], 1, 1);
    await line.heard();
    executor.trained[1]?.end();
    await until(() => line.updates.length === 1);
    expect(line.updates).toMatchObject([{ task: 1, attempt: 1 }]);
    expect(executor.trained).toHaveLength(2);
  });

  it('after it was told that it did not count: it trains anew, although its code never heard of that', async () => {
    const { executor, events, atWork } = hostUnderTest();
    const line = await atWork(1);
    line.settled([1], 0, false, { code: 'client.late', reason: 'too late' });
    line.train([1], 0, 1);
    await line.heard();
    executor.trained[0]?.end();
    await until(() => executor.trained.length === 2);
    executor.trained[1]?.end();
    await until(() => line.updates.length === 1);
    expect(line.updates).toMatchObject([{ client: 1, attempt: 1 }]);
    expect(events).toContainEqual({
      type: 'notCounted',
      task: 0,
      clients: [1],
      code: 'client.late',
      reason: 'too late',
    });
  });
});

describe('what is kept of finished updates', () => {
  it('has a limit: the oldest is trained again when it is asked for', async () => {
    const { executor, enter } = hostUnderTest({ keptBytesMax: 700 });
    executor.updateLength = 100;
    const first = await enter();
    first.model(0);
    first.train([1, 2], 0, 0);
    for (const at of [0, 1]) {
      await until(() => executor.trained.length === at + 1);
      executor.trained[at]?.end();
    }
    await until(() => first.updates.length === 2);
    await first.cut();
    const second = await enter();
    second.model(0);
    second.train([1, 2], 0, 1);
    await until(() => executor.trained.length === 3);
    expect(executor.trained[2]?.job.client).toBe(1);
    executor.trained[2]?.end();
    await until(() => second.updates.length === 2);
    expect(second.updates.map(({ client }) => client)).toEqual([2, 1]);
  });

  it('is none where nothing is to be kept: who waited or worked when the line broke trains again', async () => {
    const { executor, enter, atWork } = hostUnderTest({ keptBytesMax: 0 });
    const first = await atWork(1, 2);
    const ended = first.cut();
    await first.heard();
    executor.trained[0]?.end();
    await ended;
    const second = await enter();
    second.model(0);
    second.train([1, 2], 0, 1);
    for (const at of [1, 2]) {
      await until(() => executor.trained.length === at + 1);
      executor.trained[at]?.end();
    }
    await until(() => second.updates.length === 2);
    expect(second.updates.map(({ client, attempt }) => [client, attempt])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('is let go by settlement: whoever asks for that task again has it trained again', async () => {
    const { executor, atWork } = hostUnderTest();
    const line = await atWork(1);
    executor.trained[0]?.end();
    await until(() => line.updates.length === 1);
    line.settled([1], 0, true);
    line.train([1], 0, 1);
    await until(() => executor.trained.length === 2);
  });
});

describe('a client that fails', () => {
  it('while it is away trains again, and tells then', async () => {
    const { executor, enter, atWork } = hostUnderTest();
    const first = await atWork(1);
    await first.cut();
    executor.trained[0]?.fail(new Error('broken'));
    const second = await enter();
    second.model(0);
    second.train([1], 0, 1);
    await until(() => executor.trained.length === 2);
    executor.trained[1]?.fail(new Error('broken again'));
    await until(() => second.of('failed').length === 1);
    expect(second.of('failed')[0]?.message).toMatchObject({ client: 1, attempt: 1, message: 'broken again' });
  });
});

describe('what ends a connection', () => {
  it('while the client prepares: it prepares once, and joins over the next', async () => {
    const { executor, dial } = hostUnderTest();
    let ready: () => void = () => {};
    executor.preparing = new Promise((resolve) => {
      ready = resolve;
    });
    const first = await dial();
    await first.challenge();
    first.welcome();
    await until(() => executor.prepared === 1);
    expect(await first.cut()).toMatchObject({ kind: 'lost', joined: false });
    const second = await dial();
    await second.challenge();
    second.welcome();
    await second.heard();
    ready();
    await until(() => second.types.includes('join'));
    expect([first.types, executor.prepared]).toEqual([['hello', 'auth'], 1]);
  });

  it('because the data do not fit: the client ends with that, over whichever connection it hears it', async () => {
    const { executor, dial } = hostUnderTest();
    let refuse: (error: Error) => void = () => {};
    executor.preparing = new Promise((_, reject) => {
      refuse = reject;
    });
    const first = await dial();
    await first.challenge();
    first.welcome();
    await until(() => executor.prepared === 1);
    await first.cut();
    const second = await dial();
    await second.challenge();
    second.welcome();
    await second.heard();
    refuse(new Error('does not fit'));
    await expect(second.ended).rejects.toThrow('does not fit');
  });

  for (const code of ['protocol.stalled', 'protocol.handshake-timeout']) {
    it(`${code}: the line was bad, and training goes on`, async () => {
      const { executor, enter, atWork } = hostUnderTest();
      const first = await atWork(1);
      first.say({ type: 'error', code, message: 'too slow' });
      expect(await first.ended).toMatchObject(LOST);
      executor.trained[0]?.end();
      const second = await enter();
      second.model(0);
      second.train([1], 0, 1);
      await until(() => second.updates.length === 1);
      expect(executor.trained).toHaveLength(1);
    });
  }

  it('join.held: whoever holds the clients may leave', async () => {
    const held = { type: 'error', code: 'join.held', message: 'another connection holds them' } as const;
    const { dial, atWork } = hostUnderTest();
    const refused = await (await dial()).asked();
    refused.say(held);
    expect(await refused.ended).toMatchObject({
      kind: 'lost',
      joined: false,
      reason: expect.stringContaining('join.held'),
    });
    await atWork(1);
  });

  it('lobby.run: of somebody who was let in its run may open again; of others it is a mistake', async () => {
    const unknown = { type: 'error', code: 'lobby.run', message: 'no such run' } as const;
    const { executor, dial, enter, atWork } = hostUnderTest();
    const early = await dial();
    early.say({ ...unknown, code: 'lobby.empty' });
    expect(await early.ended).toMatchObject({ kind: 'lost', joined: false });
    const wrong = await dial();
    wrong.say(unknown);
    await expect(wrong.ended).rejects.toMatchObject({ code: 'lobby.run' });
    const first = await atWork(1);
    await first.cut();
    const second = await dial();
    second.say(unknown);
    expect(await second.ended).toMatchObject({ kind: 'lost', joined: false });
    executor.trained[0]?.end();
    const third = await enter();
    third.model(0);
    third.train([1], 0, 1);
    await until(() => third.updates.length === 1);
    expect(executor.trained).toHaveLength(1);
  });

  it('another run behind the same address: the client does not take it for its own', async () => {
    const { dial, enter } = hostUnderTest();
    await (await enter()).cut();
    const second = await dial();
    await second.challenge();
    second.welcome({ run: 'other' });
    await expect(second.ended).rejects.toMatchObject({ code: 'client.other-run' });
  });
});
