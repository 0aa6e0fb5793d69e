/** What leaves a site: the client core, and a server that a test speaks for. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../core/node/sha256.js';
import { encodeSafetensors } from '../core/safetensors.js';
import type { StageDescriptor } from '../protocol/messages.js';
import type { Outbound } from './outbound.js';
import { SiteGuard } from './site-guard.js';
import type { SitePolicy } from './site-policy.js';
import { hostUnderTest, modelOf, until } from './testing/host-under-test.js';

/** A host that writes down what leaves, and a line on which client 3 was asked to train. */
async function recorded(policy: SitePolicy = {}, stages: readonly StageDescriptor[] = [], updateLength = 2) {
  const left: Outbound[] = [];
  const under = hostUnderTest({ site: new SiteGuard(policy), onOutbound: (outbound) => left.push(outbound) });
  under.executor.updateLength = updateLength;
  const line = await (await under.dial()).enter({ stages });
  line.model(0);
  line.train([3], 0, 0);
  await until(() => under.executor.trained.length === 1);
  return { ...under, line, left };
}

describe('the record of what leaves', () => {
  it.each([
    ['small', 2],
    ['large', 40_000],
  ])(
    'a %s update: the message and the hash, size and norm of its body, as they come to the server',
    async (_, length) => {
      const { executor, line, left } = await recorded({}, [], length);
      executor.trained[0]?.end();
      await until(() => line.updates.length === 1);
      const [came] = line.of('update');
      const body = came?.body ?? new Uint8Array();
      expect(left).toHaveLength(1);
      expect(left[0]?.message).toEqual(came?.message);
      expect(left[0]).toMatchObject({ run: 'r', body: { bytes: body.length, hash: sha256(body) } });
      // Each of its elements is 3.
      expect(left[0]?.body?.norms).toEqual({ trained: expect.closeTo(3 * Math.sqrt(length), 9) });
    },
  );

  it('is of what stages made of it', async () => {
    const { executor, line, left } = await recorded({ requireClip: 1 }, [
      { name: 'topK', options: { fraction: 0.5 } },
      { name: 'clip', options: { norm: 1 } },
    ]);
    executor.trained[0]?.end();
    await until(() => line.updates.length === 1);
    expect(left[0]?.body?.norms).toEqual({ trained: expect.closeTo(1, 6) });
    expect(left[0]?.body?.hash).toBe(sha256(line.of('update')[0]?.body ?? new Uint8Array()));
  });

  it('has evaluations and failures, as they come to the server, and nothing of the rest', async () => {
    const { executor, line, left } = await recorded();
    executor.trained[0]?.fail(new Error('patient 7 has no age'));
    await until(() => line.types.includes('failed'));
    line.say({ type: 'evaluate', round: 0, clients: [{ from: 3, count: 1 }], model: modelOf(0).version });
    await until(() => executor.evaluated.length === 1);
    executor.evaluated[0]?.end();
    await until(() => line.types.includes('evaluations'));
    // A message that a client does not take.
    line.say({ type: 'error', code: 'acme.tired', message: 'enough' });
    await expect(line.ended).rejects.toMatchObject({ code: 'acme.tired' });
    expect(left.map(({ message }) => message.type)).toEqual(['failed', 'evaluations']);
    expect(left.map(({ message }) => message)).toEqual(
      [...line.of('failed'), ...line.of('evaluations')].map(({ message }) => message),
    );
  });

  it('that cannot be written ends the client, and nothing leaves', async () => {
    const under = hostUnderTest({
      onOutbound: () => {
        throw new Error('the disk is full');
      },
    });
    const line = await under.enter();
    line.model(0);
    line.train([3], 0, 0);
    await until(() => under.executor.trained.length === 1);
    under.executor.trained[0]?.end();
    await expect(line.ended).rejects.toMatchObject({
      code: 'site.unrecorded',
      message: expect.stringContaining('the disk is full. Nothing more is sent.'),
    });
    expect(line.types).not.toContain('update');
    expect(line.types).not.toContain('error');
  });
});

describe('a policy', () => {
  it('refuses a run before anything of it is fetched, and the server hears why', async () => {
    const { dial } = hostUnderTest({ site: new SiteGuard({ requireClip: 1 }) });
    const line = await dial();
    await line.challenge();
    line.welcome();
    await expect(line.ended).rejects.toMatchObject({ code: 'site.refused', fields: { rule: 'requireClip' } });
    expect((await line.end.closed).error).toMatchObject({ code: 'site.refused', fields: { remote: true } });
    expect(line.types).toEqual(['hello', 'auth']);
  });

  it('holds on every connection: a stage that is gone when the client comes back', async () => {
    const { dial } = hostUnderTest({ site: new SiteGuard({ requireClip: 1 }) });
    const stages = [{ name: 'clip', options: { norm: 1 } }];
    await (await (await dial()).enter({ stages })).cut();
    const line = await dial();
    await line.challenge();
    line.welcome();
    await expect(line.ended).rejects.toMatchObject({ code: 'site.refused' });
  });

  it('costs a client its turn where it has too few samples, and the server hears it as failed', async () => {
    const { executor, line, left } = await recorded({ sampleCountMin: 2 });
    executor.trained[0]?.end();
    await until(() => line.types.includes('failed'));
    expect(line.of('failed')[0]?.message).toMatchObject({ client: 3, code: 'site.refused', phase: 'train' });
    expect(left.map(({ message }) => message.type)).toEqual(['failed']);
  });

  it('keeps results of evaluations and reasons: they are not even computed, and not told', async () => {
    const { executor, line } = await recorded({ withhold: ['evaluations', 'reasons'] });
    executor.trained[0]?.fail(new Error('patient 7 has no age'));
    await until(() => line.types.includes('failed'));
    expect(line.of('failed')[0]?.message.message).toMatch(/keeps the reason to itself/);
    line.say({ type: 'evaluate', round: 0, clients: [{ from: 3, count: 2 }], model: modelOf(0).version });
    await until(() => line.types.includes('evaluations'));
    expect(executor.evaluated).toEqual([]);
    const entries = line.of('evaluations').flatMap(({ message }) => message.entries);
    expect(entries).toEqual([3, 4].map((client) => ({ client, sampleCount: 0, statistics: {} })));
  });
});

it('update bodies hold what the record says, also of buffers and uploads', async () => {
  const floats = (...values: number[]) => ({
    dtype: 'float32' as const,
    shape: [values.length],
    data: Float32Array.from(values),
  });
  const left: Outbound[] = [];
  const { executor, enter } = hostUnderTest({ onOutbound: (outbound) => left.push(outbound) });
  executor.train = async () => ({
    update: encodeSafetensors(
      new Map([
        ['b', floats(5)],
        ['up/w', floats(0, 2)],
        ['w', floats(3, 4)],
      ]),
    ),
    facts: { sampleCount: 1, stepCount: 1 },
    specs: (['buffer', 'upload', 'trained'] as const).map((kind, at) => ({
      ...{ name: ['b', 'up/w', 'w'][at] ?? '', dtype: 'float32', shape: [at === 0 ? 1 : 2], fold: 'mean', kind },
    })),
  });
  const line = await enter();
  line.model(0);
  line.train([0], 0, 0);
  await until(() => line.updates.length === 1);
  expect(left[0]?.body?.norms).toEqual({ buffer: 5, upload: 2, trained: 5 });
});
