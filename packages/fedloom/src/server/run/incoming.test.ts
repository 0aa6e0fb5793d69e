import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { fedAvg } from '../../algorithms/fed-avg.js';
import { type ClientIndex, clientIndex, hashFrom, versionNumber } from '../../core/brands.js';
import { sha256 } from '../../core/node/sha256.js';
import { decodeSafetensors, encodeSafetensors } from '../../core/safetensors.js';
import type { Stage } from '../../update/stage-contract.js';
import { buffered } from '../schedule/buffered.js';
import { rounds } from '../schedule/rounds.js';
import type { Schedule } from '../schedule/schedule.js';
import { federationUnderTest, tensorsOf, until, workloadOf } from './testing/federation-under-test.js';

/** Three clients, of which two are asked, so that one refused update costs no run. */
async function askedClient(over: Parameters<typeof federationUnderTest>[0] = {}) {
  const all = federationUnderTest({ ...over, coordinator: { clients: 3, ...over.coordinator } });
  const client = await all.enter(0, 1, 2);
  const asked = await client.asked(0);
  const [first, second] = asked.clients as readonly [ClientIndex, ClientIndex];
  return { ...all, client, asked, first, second };
}

describe('what sessions say', () => {
  it.each<[string, Uint8Array]>([
    ['no safetensors', Uint8Array.of(1, 2, 3)],
    ['nothing at all', new Uint8Array()],
  ])('an update that is %s is refused, and somebody else is asked', async (_, body) => {
    const { client, asked, first, refused, federation } = await askedClient();
    const { task, attempt, base } = asked;
    client.say({ type: 'update', task, attempt, base, client: first, facts: {}, trainMs: 0 }, body);
    await until(() => refused.length === 1);
    expect(refused[0]?.code).toMatch(/^safetensors\./);
    const next = await client.asked(0, 1);
    expect(asked.clients).not.toContain(next.clients[0]);
    expect(client.of('settled')).toMatchObject([{ clients: [first], counted: false }]);
    federation.cancel();
    await federation.result;
  });

  it('an update of the wrong shape, or one that is not finite, is refused', async () => {
    for (const delta of [[1], [1, Number.NaN], [1, 2, 3]]) {
      const { client, asked, first, refused, federation } = await askedClient();
      client.update(first, asked, ...delta);
      await until(() => refused.length === 1);
      expect(refused[0]).toMatchObject({ client: first, code: expect.stringMatching(/^update\./) });
      federation.cancel();
      await federation.result;
    }
  });

  it('an update from another version than its client was asked to train from is refused', async () => {
    const { federation, enter, refused, records } = federationUnderTest({
      coordinator: { clients: 3, rounds: 5, schedule: buffered({ concurrency: 2, bufferSize: 1 }) },
    });
    const client = await enter(0, 1, 2);
    const first = await client.asked(0);
    const [slow = clientIndex(0), quick = clientIndex(1)] = first.clients;
    client.update(quick, first, 1, 1);
    await until(() => records.length === 1 && client.of('model').length === 2);
    const [newer] = client.of('model').slice(-1);
    if (newer === undefined) throw new Error('there is no second model');
    // A server that believed it would take an old update for a fresh one.
    client.update(slow, { ...first, base: newer.version }, 1, 1);
    await until(() => refused.length === 1);
    expect(refused[0]).toMatchObject({ client: slow, code: 'update.base' });
    expect(records).toHaveLength(1);
    federation.cancel();
    await federation.result;
  });

  it('asks for frozen parameters are answered with them, and with nothing else', async () => {
    const frozen: Tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(7) };
    const workload = workloadOf({
      descriptor: { kind: 'plan', hash: hashFrom(`sha256:${'0'.repeat(64)}`) },
      takeInitialModel: () => new Map([...tensorsOf(0, 0), ['a', frozen]]),
      frozen: new Set(['a']),
    });
    const { client, federation } = await askedClient({ workload });
    const [welcome] = client.of('welcome');
    const hash = welcome?.workload.kind === 'plan' ? welcome.workload.frozen : undefined;
    if (hash === undefined) throw new Error('no frozen parameters are announced');
    client.say({ type: 'getFrozen', hash });
    await until(() => client.types.includes('frozen'));
    const body = client.end.received.find(({ message }) => message.type === 'frozen')?.body;
    expect(decodeSafetensors(body ?? new Uint8Array())).toEqual(new Map([['a', frozen]]));
    client.say({ type: 'getFrozen', hash: hashFrom(`sha256:${'1'.repeat(64)}`) });
    expect((await client.end.closed).error?.code).toBe('protocol.unknown-plan');
    federation.cancel();
    await federation.result;
  });

  it('that a client cannot train is told, and it is replaced; said twice it means nothing', async () => {
    const { client, asked, first, second, refused, records, federation } = await askedClient();
    const failed = {
      type: 'failed',
      task: 0,
      attempt: 0,
      phase: 'train',
      code: 'client.failed',
      message: 'no',
    } as const;
    client.say({ ...failed, client: first });
    client.say({ ...failed, client: first });
    const next = await client.asked(0, 1);
    const [spare] = next.clients as readonly [ClientIndex];
    client.update(spare, next, 1, 1);
    client.update(second, asked, 1, 1);
    await until(() => records.length === 1);
    expect(records[0]).toMatchObject({ replaced: [{ client: first, by: spare }], counted: [second, spare].sort() });
    expect(refused.map((one) => [one.client, one.code])).toEqual([
      [first, 'client.failed'],
      [first, 'client.failed'],
    ]);
    federation.cancel();
    await federation.result;
  });

  it('a plan that the run has not is asked for: the session ends, the run does not', async () => {
    const { client, left, federation } = await askedClient();
    client.say({ type: 'getPlan', hash: hashFrom(`sha256:${'0'.repeat(64)}`) });
    expect((await client.end.closed).error?.code).toBe('protocol.unknown-plan');
    await until(() => left.length === 1);
    federation.cancel();
    expect((await federation.result).status).toBe('cancelled');
  });

  it('evaluations are recorded for who was asked, once; others are dropped by name', async () => {
    const { client, asked, first, second, refused, records, federation } = await askedClient({
      coordinator: { rounds: 1, evaluateOnClients: true },
    });
    client.update(first, asked, 1, 1);
    client.update(second, asked, 1, 1);
    await until(() => client.types.includes('evaluate'));
    const tested = (index: number, score: number) => ({
      client: clientIndex(index),
      sampleCount: 1,
      statistics: { score: { sum: score, weight: 1 } },
    });
    client.say({ type: 'evaluations', round: 3, entries: [tested(0, 9)] });
    client.say({ type: 'evaluations', round: 0, entries: [tested(0, 1), tested(0, 9), tested(1, 2), tested(2, 3)] });
    await federation.result;
    expect(records[0]?.clientMetrics).toEqual({ score: 2 });
    expect(refused.map(({ code }) => code)).toEqual(['evaluation.unknown-round', 'evaluation.repeated']);
  });

  it('a session whose evaluations are refused until nothing is read from it is not waited for', async () => {
    const all = await askedClient({ coordinator: { rounds: 1, evaluateOnClients: true } });
    const { client, asked, first, second, refused, rests, records, federation, clock, events } = all;
    let nowMs = 0;
    clock.now = () => nowMs;
    // What a refusal takes.
    events.on('refused', () => {
      nowMs += 6;
    });
    client.update(first, asked, 1, 1);
    client.update(second, asked, 1, 1);
    await until(() => client.types.includes('evaluate'));
    const tested = (index: number, sum: number) => ({
      round: 0,
      type: 'evaluations' as const,
      entries: [{ client: clientIndex(index), sampleCount: 1, statistics: { score: { sum, weight: 1 } } }],
    });
    client.say(tested(0, 3));
    client.say(tested(1, 1e300));
    await until(() => refused.length === 1);
    expect(records).toEqual([]);
    client.say(tested(1, 1e300));
    // Without a word from the third, and before any deadline.
    await federation.result;
    expect(records[0]?.clientMetrics).toEqual({ score: 3 });
    expect(rests).toHaveLength(1);
    expect(refused.map(({ code }) => code)).toEqual(['evaluation.value', 'evaluation.value']);
  });

  it('while a candidate is evaluated, an update is weighed by the version before it, and none may start from it', async () => {
    let evaluated = (_: undefined) => {};
    const evaluation = new Promise<undefined>((resolve) => {
      evaluated = resolve;
    });
    const weighed: (number | undefined)[] = [];
    const { federation, enter, refused, records } = federationUnderTest({
      workload: workloadOf({ evaluate: () => evaluation }),
      algorithm: {
        ...fedAvg(),
        weight: ({ staleness }) => {
          weighed.push(staleness);
          return 1;
        },
      },
      coordinator: { clients: 4, schedule: buffered({ concurrency: 4, bufferSize: 1 }) },
    });
    const client = await enter(0, 1, 2, 3);
    const asked = await client.asked(0);
    const [first, second, third] = asked.clients as [ClientIndex, ClientIndex, ClientIndex];
    client.update(first, asked, 1, 1);
    await until(() => weighed.length === 1);
    const hash = sha256(encodeSafetensors(tensorsOf(1, 1)));
    client.update(second, { ...asked, base: { ...asked.base, number: versionNumber(1), hash } }, 1, 1);
    await until(() => refused.length > 0);
    expect(refused[0]).toMatchObject({ client: second, code: 'update.base' });
    client.update(third, asked, 1, 1);
    await until(() => weighed.length === 2);
    expect(weighed).toEqual([0, 0]);
    evaluated(undefined);
    await federation.result;
    expect(records.map(({ version }) => version.hash)[0]).toBe(hash);
  });

  it('a stage that rejects refuses the update, and somebody else is asked', async () => {
    const stage: Stage = {
      name: 'test/refusing',
      options: {},
      server: async () => {
        throw new Error('a bug');
      },
    };
    const { client, asked, first, refused, federation } = await askedClient({ stages: [stage] });
    client.update(first, asked, 1, 1);
    await until(() => refused.length === 1);
    expect(refused[0]).toMatchObject({ client: first, code: expect.stringMatching(/^stage\./) });
    expect(refused[0]?.message).toContain('a bug');
    await client.asked(0, 1);
    federation.cancel();
    expect((await federation.result).status).toBe('cancelled');
  });
});

describe('a schedule that is wrong', () => {
  it('folds an update that nobody holds: the run fails, in words', async () => {
    const sound = rounds({ clientsPerRound: 2 });
    const schedule: Schedule = {
      ...sound,
      start(state, output) {
        sound.start(state, output);
        output.push({
          type: 'fold',
          session: 's0',
          client: clientIndex(0),
          task: 0,
          attempt: 0,
          round: 0,
          base: versionNumber(0),
          staleness: 0,
        });
      },
    };
    const { federation, enter } = federationUnderTest({ coordinator: { schedule } });
    const client = await enter(0, 1);
    await expect(federation.result).rejects.toThrow('an update is folded that nobody holds');
    expect(client.of('finish')).toMatchObject([{ reason: 'failed' }]);
  });
});
