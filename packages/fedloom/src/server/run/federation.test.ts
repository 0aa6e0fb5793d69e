import type { NamedTensors } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { type ClientIndex, clientIndex, hashFrom } from '../../core/brands.js';
import { decodeSafetensors } from '../../core/safetensors.js';
import type { Stage } from '../../update/stage-contract.js';
import { rounds } from '../schedule/rounds.js';
import { noPersistence, type Persistence } from './persistence.js';
import { federationUnderTest, tensorsOf, until, workloadOf } from './testing/federation-under-test.js';

const weights = (model: NamedTensors): number[] => Array.from(model.get('w')?.data ?? [], Number);

describe('a round', () => {
  it('ends with the mean of its updates, whoever came first, over one session or several', async () => {
    const { federation, records, enter } = federationUnderTest();
    const [one, two] = [await enter(0), await enter(1)];
    for (const round of [0, 1]) {
      await two.train(1, round, 3, 5);
      await one.train(0, round, 1, 1);
    }
    const result = await federation.result;
    expect(weights(result.model)).toEqual([4, 6]);
    expect(records.map(({ counted, version }) => [counted, version.number])).toEqual([
      [[0, 1], 1],
      [[0, 1], 2],
    ]);
    expect(one.of('settled').map(({ task, counted }) => [task, counted])).toEqual([
      [0, true],
      [1, true],
    ]);
    expect(one.of('finish')).toMatchObject([{ reason: 'completed' }]);
  });

  it('tells nobody that updates counted before the disk has them, nor that the run is complete', async () => {
    const writes: (() => void)[] = [];
    const write = () => new Promise<void>((resolve) => writes.push(resolve));
    const persistence: Persistence = { ...noPersistence, decided: write, finished: write };
    const { federation, records, enter } = federationUnderTest({ persistence, coordinator: { rounds: 1 } });
    const client = await enter(0, 1);
    const asked = await client.asked(0);
    client.update(0, asked, 1, 1);
    client.update(1, asked, 3, 3);
    await until(() => writes.length === 1);
    expect([client.types.includes('settled'), records]).toEqual([false, []]);
    writes[0]?.();
    await until(() => client.types.includes('settled') && writes.length === 2);
    expect(client.types.includes('finish')).toBe(false);
    writes[1]?.();
    await until(() => client.types.includes('finish'));
    expect((await federation.result).status).toBe('completed');
  });

  it('fails with what the disk says, and counts nothing of it', async () => {
    const persistence: Persistence = { ...noPersistence, decided: () => Promise.reject(new Error('disk full')) };
    const { federation, enter } = federationUnderTest({ persistence });
    const client = await enter(0, 1);
    const asked = await client.asked(0);
    client.update(0, asked, 1, 1);
    client.update(1, asked, 3, 3);
    await expect(federation.result).rejects.toThrow('disk full');
    expect(client.of('finish')).toMatchObject([{ reason: 'failed' }]);
    expect(client.of('settled')).toEqual([]);
  });
});

describe('an update', () => {
  it('counts over the session that its client came back on, and its settlement is told again on the next', async () => {
    const { federation, records, enter } = federationUnderTest();
    const first = await enter(0);
    const other = await enter(1);
    const asked = await first.asked(0);
    first.end.channel.close('the line broke');
    const second = await enter(0);
    const again = await second.asked(0, 1);
    expect(again.base).toEqual(asked.base);
    // Under the earlier attempt: it was asked for, and may have been on its way.
    second.update(0, asked, 1, 1);
    await other.train(1, 0, 3, 5);
    await until(() => records.length === 1);
    expect(records[0]).toMatchObject({ counted: [0, 1], awaited: [0] });
    second.end.channel.close('the line broke again');
    const third = await enter(0);
    await until(() => third.types.includes('train'));
    expect(third.types.slice(2, 5)).toEqual(['joined', 'settled', 'model']);
    expect(third.of('settled')).toMatchObject([{ task: 0, clients: [0], counted: true }]);
    federation.cancel();
    await federation.result;
  });

  it('of a model that the run does not have is refused by name, and the round goes on with another', async () => {
    const { refused, records, enter } = federationUnderTest({
      coordinator: { clients: 3, minimumClients: 3 },
    });
    const client = await enter(0, 1, 2);
    const asked = await client.asked(0);
    const [bad, good] = asked.clients as readonly [ClientIndex, ClientIndex];
    const spare = [0, 1, 2].find((index) => !asked.clients.includes(clientIndex(index))) as number;
    client.update(bad, { ...asked, base: { ...asked.base, hash: hashFrom(`sha256:${'0'.repeat(64)}`) } }, 1, 1);
    await until(() => refused.length === 1);
    expect(refused[0]).toMatchObject({ client: bad, code: 'update.base' });
    client.update(good, asked, 1, 1);
    client.update(spare, await client.asked(0, 1), 1, 1);
    await until(() => records.length === 1);
    expect(records[0]).toMatchObject({
      counted: [good, spare].sort(),
      uncounted: [{ client: bad, code: 'update.base' }],
      replaced: [{ client: bad, by: spare }],
    });
  });

  it('sent twice, too late, or by nobody in the cohort is dropped by name, and the session stays', async () => {
    const { federation, refused, records, enter } = federationUnderTest();
    const client = await enter(0, 1);
    const asked = await client.asked(0);
    client.update(0, asked, 1, 1);
    client.update(0, asked, 1, 1);
    client.update(1, { ...asked, attempt: 5 }, 1, 1);
    client.update(1, asked, 3, 3);
    await until(() => records.length === 1);
    await client.asked(1);
    client.update(1, asked, 3, 3);
    await until(() => refused.length === 3);
    expect(refused.map(({ client, code }) => [client, code])).toEqual([
      [0, 'update.repeated'],
      [1, 'update.unknown-attempt'],
      [1, 'update.base'],
    ]);
    expect(client.end.channel.open).toBe(true);
    federation.cancel();
    await federation.result;
  });

  it('whose stage is through only when the session is gone is dropped, and its client asked again', async () => {
    const through: (() => void)[] = [];
    const stage: Stage = {
      name: 'test/slow',
      options: {},
      server: (payload) => new Promise((resolve) => through.push(() => resolve(payload))),
    };
    const { federation, refused, records, left, enter } = federationUnderTest({ stages: [stage] });
    const [first, other] = [await enter(0), await enter(1)];
    await first.train(0, 0, 1, 1);
    await until(() => through.length === 1);
    first.end.channel.close('the line broke');
    await until(() => left.length === 1);
    expect(refused).toMatchObject([{ client: 0, code: 'stage.late' }]);
    through[0]?.();
    const second = await enter(0);
    second.update(0, await second.asked(0, 1), 1, 1);
    await other.train(1, 0, 3, 5);
    await until(() => through.length === 3);
    for (const go of through) go();
    await until(() => records.length === 1);
    expect(records[0]?.counted).toEqual([0, 1]);
    federation.cancel();
    await federation.result;
  });
});

describe('an asynchronous stage that never settles', () => {
  /** Does so with the updates of client 0. */
  const stage: Stage = {
    name: 'test/stuck',
    options: {},
    server: (payload, { client }) => (client === 0 ? new Promise(() => {}) : Promise.resolve(payload)),
  };
  const withDeadline = { schedule: rounds({ clientsPerRound: 2, quorum: 1, deadlineMs: 500 }) };

  it('costs its update at the deadline, by name, and the bytes come back', async () => {
    const { federation, lobby, clock, events, refused, warnings, records, enter } = federationUnderTest({
      stages: [stage],
      coordinator: { ...withDeadline, rounds: 1 },
    });
    let folded = 0;
    events.on('update', () => {
      folded += 1;
    });
    const client = await enter(0, 1);
    await Promise.all([client.train(0, 0, 1, 1), client.train(1, 0, 1, 1)]);
    // The other's is in; its own would never be.
    await until(() => folded === 1 && lobby.budget.usedBytes > 0);
    clock.fire(500);
    await federation.result;
    expect(lobby.budget.usedBytes).toBe(0);
    expect(records.map(({ counted }) => counted)).toEqual([[1]]);
    expect(refused.map(({ client: index, code }) => [index, code])).toEqual([[0, 'stage.late']]);
    expect(warnings.find(({ code }) => code === 'stage.late')).toMatchObject({
      message: expect.stringMatching(/client 0 for task 1 came, but the server halves of the stages \("test\/stuck"\)/),
    });
    const told = client.of('settled').filter(({ counted }) => !counted);
    expect(told.map(({ clients, code }) => [clients, code])).toEqual([[[0], 'stage.late']]);
  });

  it('holds nothing for updates that nobody asked for, nor after the end', async () => {
    const { federation, lobby, refused, enter } = federationUnderTest({ stages: [stage], coordinator: withDeadline });
    const client = await enter(0, 1);
    const asked = await client.asked(0);
    client.update(0, { ...asked, task: 7 }, 1, 1);
    client.update(0, { ...asked, attempt: 3 }, 1, 1);
    await until(() => refused.length === 2);
    expect(refused.map(({ code }) => code)).toEqual(['update.unknown-round', 'update.unknown-attempt']);
    expect(lobby.budget.usedBytes).toBe(0);
    client.update(0, asked, 1, 1);
    await until(() => lobby.budget.usedBytes > 0);
    federation.cancel();
    await federation.result;
    expect(lobby.budget.usedBytes).toBe(0);
    expect(refused[2]).toMatchObject({ client: 0, code: 'stage.late' });
  });
});

describe('a void round', () => {
  const BIG = 3e38;

  it('changes nothing: nobody counts, no version is made, and the run goes on', async () => {
    const { federation, records, warnings, enter } = federationUnderTest({
      workload: workloadOf({ takeInitialModel: () => tensorsOf(BIG, 1) }),
      coordinator: { rounds: 3 },
    });
    const client = await enter(0, 1);
    // Each is sound, and so is their mean; the model would not be.
    await Promise.all([client.train(0, 0, BIG, 0), client.train(1, 0, BIG, 0)]);
    const second = await client.asked(1);
    expect(second.base).toEqual(client.of('train')[0]?.base);
    await Promise.all([client.train(0, 1, 0, 1), client.train(1, 1, 0, 3)]);
    await Promise.all([client.train(0, 2, 0, 1), client.train(1, 2, 0, 1)]);
    const result = await federation.result;
    expect(weights(result.model)).toEqual([Math.fround(BIG), 4]);
    expect(records.map(({ counted, metrics, voided }) => [counted, metrics, voided?.code ?? null])).toEqual([
      [[], null, 'algorithm.not-finite'],
      [[0, 1], null, null],
      [[0, 1], null, null],
    ]);
    expect(records[0]?.uncounted).toEqual([0, 1].map((client) => ({ client, code: 'algorithm.not-finite' })));
    expect(client.of('settled').map(({ task, clients, counted }) => [task, clients, counted])).toEqual([
      [0, [0, 1], false],
      [1, [0, 1], true],
      [2, [0, 1], true],
    ]);
    expect(warnings).toMatchObject([
      { code: 'round.void', message: expect.stringMatching(/^Round 1 changes nothing.*server update of round 1/) },
    ]);
    // Round 2 starts from what is there already.
    expect(client.of('model').map(({ version }) => version.number)).toEqual([0, 1]);
  });

  it('is also one whose held-out loss is not a number, although its model is finite', async () => {
    const losses = [1, Number.NaN, 0.5];
    const asked: number[] = [];
    const evaluate = async (model: { readonly tensors: NamedTensors }, round: number) => {
      asked.push(weights(model.tensors)[0] as number);
      return { sampleCount: 2, statistics: { loss: { sum: 2 * (losses[round] as number), weight: 2 } } };
    };
    const { federation, records, enter } = federationUnderTest({
      workload: workloadOf({ evaluate }),
      coordinator: { rounds: 3 },
    });
    const client = await enter(0, 1);
    for (const round of [0, 1, 2]) {
      await Promise.all([client.train(0, round, 1, 1), client.train(1, round, 1, 1)]);
    }
    const result = await federation.result;
    expect(asked).toEqual([1, 2, 2]);
    expect(weights(result.model)).toEqual([2, 2]);
    expect(records.map(({ metrics, voided }) => [metrics, voided?.code ?? null])).toEqual([
      [{ loss: 1 }, null],
      [null, 'model.not-finite'],
      [{ loss: 0.5 }, null],
    ]);
    expect(result.metrics).toEqual({ loss: 0.5 });
    const bases = client.of('train').map(({ base }) => base);
    expect(bases.map(({ number }) => number)).toEqual([0, 1, 1]);
  });

  it('three times in a row fails the run; with a sound one between, it does not', async () => {
    const run = async (isVoid: readonly boolean[]) => {
      const evaluate = async (_model: unknown, round: number) => ({
        sampleCount: 1,
        statistics: { loss: { sum: isVoid[round] ? Number.NaN : 1, weight: 1 } },
      });
      const { federation, enter } = federationUnderTest({
        workload: workloadOf({ evaluate }),
        coordinator: { rounds: isVoid.length },
      });
      const client = await enter(0, 1);
      for (const round of isVoid.keys()) {
        await Promise.all([client.train(0, round, 1, 1), client.train(1, round, 1, 1)]).catch(() => {});
      }
      return federation.result;
    };
    expect((await run([true, true, false, true, true])).rounds).toBe(5);
    await expect(run([false, true, true, true])).rejects.toMatchObject({ code: 'round.void' });
  });
});

describe('who is away', () => {
  it('is replaced when the clock says that the grace is over, and not before', async () => {
    const { federation, clock, records, enter, left } = federationUnderTest({
      coordinator: { clients: 3, graceMs: 300, schedule: rounds({ clientsPerRound: 2, deadlineMs: 60_000 }) },
    });
    const ends = [await enter(0), await enter(1), await enter(2)];
    await until(() => ends.filter((end) => end.types.includes('train')).length === 2);
    const spare = ends.findIndex((end) => !end.types.includes('train'));
    const [away, stays] = [0, 1, 2].filter((index) => index !== spare) as [number, number];
    ends[away]?.end.channel.close('gone');
    await until(() => left.length === 1);
    await ends[stays]?.train(stays, 0, 1, 1);
    expect(clock.delaysMs.sort((a, b) => a - b)).toEqual([300, 60_000]);
    expect(ends[spare]?.types.includes('train')).toBe(false);
    clock.fire(300);
    const asked = await ends[spare]?.asked(0, 1);
    if (asked !== undefined) ends[spare]?.update(spare, asked, 1, 1);
    await until(() => records.length === 1);
    expect(records[0]).toMatchObject({ awaited: [away], replaced: [{ client: away, by: spare }] });
    federation.cancel();
    await federation.result;
  });
});

describe('a run that is complete', () => {
  const LOST = 'transport.lost: the connection broke without a close';
  const oneRound = { farewellMs: 10_000, coordinator: { rounds: 1 } };

  it('is told to clients whose line broke, when they have come back and heard that their updates counted', async () => {
    const { federation, clock, warnings, enter } = federationUnderTest(oneRound);
    const [one, two] = [await enter(0), await enter(1)];
    const asked = await two.asked(0);
    two.update(1, asked, 3, 5);
    two.end.channel.close(LOST);
    await one.train(0, 0, 1, 1);
    await until(() => one.types.includes('finish'));
    await until(() => warnings.some(({ code }) => code === 'run.farewell'));
    expect(warnings.at(-1)?.message).toMatch(/at most for those whose line broke, to tell them: client 1\.$/);
    const again = await enter(1);
    await until(() => again.types.includes('finish'));
    expect(again.types.slice(1)).toEqual(['welcome', 'joined', 'settled', 'finish']);
    expect(again.of('settled')).toMatchObject([{ task: 0, clients: [1], counted: true }]);
    expect((await federation.result).status).toBe('completed');
    expect(clock.delaysMs).toEqual([]);
  });

  it('repeats what it has told when that may have been lost with the line', async () => {
    const { federation, left, enter } = federationUnderTest(oneRound);
    const client = await enter(0, 1);
    client.lastWords = LOST;
    await Promise.all([client.train(0, 0, 1, 1), client.train(1, 0, 3, 3)]);
    await until(() => left.length === 1);
    const again = await enter(0, 1);
    await until(() => again.types.includes('finish'));
    expect(again.of('settled').map(({ clients, counted }) => [clients, counted])).toEqual([
      [[0], true],
      [[1], true],
    ]);
    expect((await federation.result).rounds).toBe(1);
  });

  it('waits for them no longer than its time; who is in the house and takes no part is told at the end', async () => {
    const { federation, clock, knock, enter } = federationUnderTest(oneRound);
    const client = await enter(0, 1);
    const asked = await client.asked(0);
    client.update(0, asked, 1, 1);
    client.update(1, asked, 3, 3);
    client.end.channel.close(LOST);
    const stranger = await knock();
    await until(() => clock.delaysMs.includes(10_000));
    expect(stranger.types).toEqual(['challenge', 'welcome']);
    clock.fire(10_000);
    expect((await federation.result).status).toBe('completed');
    expect(stranger.types.at(-1)).toBe('finish');
  });

  it('is told to those that are there also when a listener throws at the news that others are waited for', async () => {
    const { federation, events, enter } = federationUnderTest(oneRound);
    const [one, two] = [await enter(0), await enter(1)];
    events.on('warning', ({ code }) => {
      if (code === 'run.farewell') throw new Error('a bug');
    });
    two.update(1, await two.asked(0), 3, 5);
    two.end.channel.close(LOST);
    await one.train(0, 0, 1, 1);
    await expect(federation.result).rejects.toThrow('a bug');
    expect(one.of('finish')).toMatchObject([{ reason: 'completed' }]);
  });

  it('waits no longer when it is cancelled', async () => {
    const { federation, clock, enter } = federationUnderTest(oneRound);
    const client = await enter(0, 1);
    const asked = await client.asked(0);
    client.update(0, asked, 1, 1);
    client.update(1, asked, 3, 3);
    client.end.channel.close(LOST);
    await until(() => clock.delaysMs.includes(10_000));
    federation.cancel();
    expect((await federation.result).status).toBe('completed');
  });
});

describe('what nobody could have foreseen', () => {
  it('a sampler that throws ends the run, and those that are there hear of it', async () => {
    const sampler = {
      name: 'broken',
      permutation: () => {
        throw new Error('no order');
      },
    };
    const { federation, enter } = federationUnderTest({
      coordinator: { schedule: rounds({ clientsPerRound: 2, sampler }) },
    });
    const client = await enter(0);
    void enter(1).catch(() => {});
    await expect(federation.result).rejects.toThrow('no order');
    expect(client.of('finish')).toMatchObject([{ reason: 'failed' }]);
  });

  it('cancelling ends with the model after the last round; what comes later is told that it is over', async () => {
    const { federation, records, refused, enter } = federationUnderTest();
    const client = await enter(0, 1);
    await Promise.all([client.train(0, 0, 1, 1), client.train(1, 0, 3, 3)]);
    await until(() => records.length === 1);
    const asked = await client.asked(1);
    federation.cancel();
    client.update(0, asked, 9, 9);
    await until(() => refused.length === 1);
    expect(refused[0]?.code).toBe('run.finished');
    client.end.channel.close('bye');
    expect(await federation.result).toMatchObject({ status: 'cancelled', rounds: 1 });
    expect(weights((await federation.result).model)).toEqual([2, 2]);
  });

  it('models travel once a session, and are forgotten when nobody trains from them', async () => {
    const { federation, enter } = federationUnderTest({ coordinator: { rounds: 3 } });
    const client = await enter(0, 1);
    for (const round of [0, 1, 2]) {
      await Promise.all([client.train(0, round, 1, 1), client.train(1, round, 1, 1)]);
    }
    await federation.result;
    const told = client.end.received.flatMap(({ message, body }) => {
      if (message.type === 'model') return [`model ${weights(decodeSafetensors(body ?? new Uint8Array()))[0]}`];
      return message.type === 'forget' ? [`forget ${message.versions.map(({ number }) => number)}`] : [];
    });
    expect(told).toEqual(['model 0', 'forget 0', 'model 1', 'forget 1', 'model 2']);
  });
});
