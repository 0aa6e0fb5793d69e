import { FedloomError, type TrainingPlan } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { ClientWorkload } from '../compute/executor.js';
import { sha256 } from '../core/node/sha256.js';
import type { Message, Welcome } from '../protocol/messages.js';
import { channelPair } from '../protocol/testing/channel-pair.js';
import { Admission, type AdmissionOptions } from './admission.js';
import { until, WELCOME } from './testing/host-under-test.js';

const CHALLENGE = { type: 'challenge', version: 2, methods: ['none'], nonce: '00'.repeat(16) } as const;
const welcome: Welcome = { ...WELCOME, session: 's' };
const plan = Uint8Array.of(1, 2, 3);
const planned: Welcome = { ...welcome, workload: { kind: 'plan', hash: sha256(plan) } };
const workload = { kind: 'plan', plan: { bytes: plan } as TrainingPlan, hash: sha256(plan) } as const;

/** Two clients on their way in, and what they were told to do; `line` is another connection, with what came out at its end. */
function underTest(over: Partial<AdmissionOptions> = {}) {
  const prepared: ClientWorkload[] = [];
  const welcomes: string[] = [];
  const decoded: Uint8Array[] = [];
  const admission = new Admission({
    clients: [{ from: 0, count: 2 }],
    software: 'test',
    capabilities: ['acme/x'],
    hash: sha256,
    decodePlan: (bytes) => {
      decoded.push(bytes);
      return workload;
    },
    onWelcome: ({ run }) => welcomes.push(run),
    prepare: async (work) => {
      prepared.push(work);
    },
    ...over,
  });
  const line = async () => {
    const { client, server } = await channelPair();
    const said = async (): Promise<readonly Message[]> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return server.received.map(({ message }) => message as Message);
    };
    const types = async () => (await said()).map(({ type }) => type);
    const cut = async () => {
      server.channel.close('cut');
      await client.closed;
    };
    return { channel: client.channel, said, types, cut };
  };
  return { admission, prepared, welcomes, decoded, line };
}

const refused = (code: string) => FedloomError.remote(code, 'refused', 'ws://server');

describe('the way in', () => {
  it('with training code of its own: hello, auth, join', async () => {
    const { admission, prepared, welcomes, line } = underTest();
    const { channel, said } = await line();
    admission.begin(channel);
    admission.challenged(channel, CHALLENGE);
    await admission.welcomed(channel, welcome);
    expect(await said()).toEqual([
      { type: 'hello', versions: [2], software: 'test', capabilities: ['acme/x'] },
      { type: 'auth', method: 'none' },
      { type: 'join', clients: [{ from: 0, count: 2 }] },
    ]);
    expect([prepared, welcomes, admission.welcome]).toEqual([[welcome.workload], ['r'], welcome]);
  });

  it('with a plan: it is fetched, checked, decoded from bytes of its own, prepared, then join', async () => {
    const { admission, prepared, decoded, line } = underTest();
    const { channel, types } = await line();
    await admission.welcomed(channel, planned);
    expect([await types(), prepared]).toEqual([['getPlan'], []]);
    const came = plan.slice();
    await admission.shipped(channel, { type: 'plan', hash: sha256(plan) }, came);
    came.fill(0);
    expect([await types(), prepared, decoded]).toEqual([['getPlan', 'join'], [workload], [plan]]);
  });

  it('with frozen parameters: join only when both parts are there', async () => {
    const frozen = Uint8Array.of(4);
    const { admission, prepared, line } = underTest();
    const { channel, types } = await line();
    await admission.welcomed(channel, {
      ...planned,
      workload: { kind: 'plan', hash: sha256(plan), frozen: sha256(frozen) },
    });
    await admission.shipped(channel, { type: 'plan', hash: sha256(plan) }, plan);
    expect([await types(), prepared]).toEqual([['getPlan', 'getFrozen'], []]);
    await admission.shipped(channel, { type: 'frozen', hash: sha256(frozen) }, frozen);
    expect([await types(), prepared.length]).toEqual([['getPlan', 'getFrozen', 'join'], 1]);
  });

  it('of many clients: several join messages', async () => {
    const clients = Array.from({ length: 1_000 }, (_, at) => ({ from: 2 * at, count: 1 }));
    const { admission, line } = underTest({ clients });
    const { channel, said } = await line();
    await admission.welcomed(channel, welcome);
    const joins = (await said()).flatMap((message) => (message.type === 'join' ? [message.clients] : []));
    expect([joins.map(({ length }) => length), joins.flat()]).toEqual([[512, 488], clients]);
  });

  it('takes a server of other software, but where that was ruled out', async () => {
    const { line, admission } = underTest();
    await admission.welcomed((await line()).channel, { ...welcome, software: 'fedloom/9' });
    const strict = underTest({ sameSoftware: true, software: 'fedloom/1' });
    await strict.admission.welcomed((await strict.line()).channel, { ...welcome, software: 'fedloom/1' });
    const { channel } = await strict.line();
    await expect(strict.admission.welcomed(channel, { ...welcome, software: 'fedloom/9' })).rejects.toMatchObject({
      code: 'client.other-software',
      message: expect.stringMatching(/server runs fedloom\/9, and this client fedloom\/1\. Install the same version/),
    });
  });

  it('names the run that was asked for, else the one that it was let in to before', async () => {
    const runOf = async ({ admission, line }: ReturnType<typeof underTest>) => {
      const { channel, said } = await line();
      admission.challenged(channel, CHALLENGE);
      const [auth] = await said();
      return auth?.type === 'auth' ? auth.run : 'no auth';
    };
    expect(await runOf(underTest({ run: 'asked' }))).toBe('asked');
    const unnamed = underTest();
    expect(await runOf(unnamed)).toBeUndefined();
    await unnamed.admission.welcomed((await unnamed.line()).channel, welcome);
    expect(await runOf(unnamed)).toBe('r');
  });
});

describe('a line that breaks on the way in', () => {
  it('before the plan came: it is fetched again', async () => {
    const { admission, prepared, line } = underTest();
    const first = await line();
    await admission.welcomed(first.channel, planned);
    await first.cut();
    const second = await line();
    await admission.welcomed(second.channel, planned);
    await admission.shipped(second.channel, { type: 'plan', hash: sha256(plan) }, plan);
    expect([await second.types(), prepared.length]).toEqual([['getPlan', 'join'], 1]);
  });

  it('while it prepares: it prepares once, and joins over the line that there is then', async () => {
    let ready: () => void = () => {};
    let preparations = 0;
    const prepare = () => {
      preparations += 1;
      return new Promise<void>((resolve) => {
        ready = resolve;
      });
    };
    const { admission, line } = underTest({ prepare });
    const [first, second] = [await line(), await line()];
    const joining = admission.welcomed(first.channel, welcome);
    await first.cut();
    const joiningAgain = admission.welcomed(second.channel, welcome);
    ready();
    await Promise.all([joining, joiningAgain]);
    expect([await first.types(), await second.types(), preparations]).toEqual([[], ['join'], 1]);
    const third = await line();
    await admission.welcomed(third.channel, { ...planned, session: 's2' });
    expect(await third.types()).toEqual(['join']);
  });

  it('while it prepares, and that fails: over whichever line it waits it is told, and the next begins anew', async () => {
    let fail: (error: Error) => void = () => {};
    let preparations = 0;
    const prepare = () => {
      preparations += 1;
      return new Promise<void>((_, reject) => {
        fail = reject;
      });
    };
    const { admission, line } = underTest({ prepare });
    const [first, second] = [await line(), await line()];
    const joining = admission.welcomed(first.channel, welcome);
    await first.cut();
    const joiningAgain = admission.welcomed(second.channel, welcome);
    fail(new Error('does not fit'));
    await expect(joining).rejects.toThrow('does not fit');
    await expect(joiningAgain).rejects.toThrow('does not fit');
    expect(preparations).toBe(1);
    const third = await line();
    const beginning = admission.welcomed(third.channel, welcome);
    await until(() => preparations === 2);
    fail(new Error('another reason'));
    await expect(beginning).rejects.toThrow('another reason');
    expect(await third.types()).toEqual([]);
  });
});

describe('what keeps clients out', () => {
  const rejected = async (over: Partial<AdmissionOptions>, ...told: readonly Welcome[]) => {
    const { admission, line } = underTest(over);
    const { channel } = await line();
    const last = told.at(-1) as Welcome;
    for (const one of told.slice(0, -1)) await admission.welcomed(channel, one);
    return admission.welcomed(channel, last).then(
      () => undefined,
      (error: unknown) => error,
    );
  };

  it('another run than the one that was asked for, or that it was in before', async () => {
    const other: Welcome = { ...welcome, run: 'other' };
    expect(await rejected({ run: 'asked' }, other)).toMatchObject({
      code: 'client.other-run',
      fields: { expected: 'asked', actual: 'other' },
    });
    expect(await rejected({}, welcome, other)).toMatchObject({
      code: 'client.other-run',
      fields: { expected: 'r', actual: 'other' },
    });
    expect(await rejected({}, welcome, welcome)).toBeUndefined();
  });

  it('a fact that it does not know', async () => {
    expect(await rejected({}, { ...welcome, needs: ['initialLoss', 'mood'] })).toMatchObject({
      code: 'client.unknown-fact',
      fields: { fact: 'mood' },
    });
    expect(await rejected({}, { ...welcome, needs: ['initialLoss'] })).toBeUndefined();
  });

  it('another plan than that of its task file, for the seed of the run', async () => {
    const expectedPlan = async (seed: number) => (seed === 7 ? sha256(plan) : 'another');
    expect(await rejected({ expectedPlan }, planned)).toMatchObject({
      code: 'client.plan-differs',
      fields: { server: sha256(plan), client: 'another' },
    });
    expect(await rejected({ expectedPlan, learned: ['standardize: true'] }, planned)).toMatchObject({
      message: expect.stringMatching(
        /takes from its own rows standardize: true: fix it in the task, as `npx fedloom statistics`/,
      ),
    });
    expect(await rejected({ expectedPlan }, { ...planned, seed: 7 })).toBeUndefined();
  });

  it('what its own parts say of the run: it has not been let in then', async () => {
    const onWelcome = () => {
      throw new FedloomError('stage.unknown', 'no such stage', { stage: 'acme', known: [] });
    };
    const { admission, line } = underTest({ onWelcome });
    await expect(admission.welcomed((await line()).channel, welcome)).rejects.toMatchObject({ code: 'stage.unknown' });
    expect([admission.welcome, admission.mayPass(refused('lobby.run'))]).toEqual([undefined, false]);
  });

  it('a plan that is not what was announced, or that comes before the welcome', async () => {
    const { admission, prepared, line } = underTest();
    const { channel } = await line();
    const came = (bytes: Uint8Array) => admission.shipped(channel, { type: 'plan', hash: sha256(plan) }, bytes);
    await expect(came(plan)).rejects.toMatchObject({ code: 'protocol.order' });
    await admission.welcomed(channel, planned);
    await expect(came(Uint8Array.of(9))).rejects.toMatchObject({
      code: 'client.hash',
      fields: { actual: sha256(Uint8Array.of(9)), hash: sha256(plan) },
    });
    expect(prepared).toEqual([]);
  });
});

describe('a refusal that may pass', () => {
  const mayPass = ({ admission }: ReturnType<typeof underTest>, ...codes: string[]) =>
    codes.map((code) => admission.mayPass(refused(code)));

  it('is one of a bad line, of a server that is full or has no run yet, or of clients that somebody holds', () => {
    const passing = [
      'protocol.stalled',
      'protocol.owed',
      'protocol.handshake-timeout',
      'transport.full',
      'lobby.empty',
    ];
    expect(mayPass(underTest(), ...passing, 'join.held', 'join.timeout')).not.toContain(false);
    expect(mayPass(underTest(), 'protocol.frame', 'join.range')).toEqual([false, false]);
  });

  it('is that of its run, once it was let in: the server may be opening it again', async () => {
    const test = underTest();
    expect(mayPass(test, 'lobby.run')).toEqual([false]);
    await test.admission.welcomed((await test.line()).channel, welcome);
    expect(mayPass(test, 'lobby.run')).toEqual([true]);
  });
});
