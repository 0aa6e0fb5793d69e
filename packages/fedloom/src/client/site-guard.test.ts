import type { PlanManifest } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { clientIndex, hashFrom } from '../core/brands.js';
import type { Welcome } from '../protocol/messages.js';
import type { UpdateSpec } from '../update/update.js';
import { type Leaving, SiteGuard } from './site-guard.js';
import type { SitePolicy } from './site-policy.js';
import { WELCOME } from './testing/host-under-test.js';

const [ONE, OTHER] = ['1', '2'].map((digit) => hashFrom(`sha256:${digit.repeat(64)}`)) as [
  ReturnType<typeof hashFrom>,
  ReturnType<typeof hashFrom>,
];
const welcome = (over: Partial<Welcome> = {}): Welcome => ({ ...WELCOME, session: 's', ...over });
const planned = (hash: typeof ONE) => welcome({ workload: { kind: 'plan', hash } });
const refused = (rule: string) => expect.objectContaining({ code: 'site.refused', fields: { rule } });
const spec = (kind: UpdateSpec['kind'], name = 'w'): UpdateSpec => ({
  ...{ name, dtype: 'float32', shape: [2], fold: 'mean', kind },
});
const leaving = ({
  specs = [spec('trained')],
  ...over
}: Partial<Omit<Leaving, 'outcome'>> & { readonly specs?: readonly UpdateSpec[] } = {}): Leaving => ({
  client: clientIndex(3),
  task: 0,
  outcome: { facts: { sampleCount: 10, stepCount: 1 }, specs },
  bytes: 100,
  ...over,
});

describe('without a policy', () => {
  it('everything may happen', () => {
    const guard = new SiteGuard();
    guard.checkServer('anything');
    guard.checkRun(planned(ONE));
    guard.checkUpdate(leaving({ specs: [spec('upload'), spec('buffer')] }));
    const message = { type: 'failed', message: 'why' } as never;
    expect(guard.told(message)).toBe(message);
    expect(guard.allowsEvaluation(clientIndex(0))).toBe(true);
  });
});

describe('servers', () => {
  const guard = new SiteGuard({ servers: ['wss://fed.example:443/path', 'ws://127.0.0.1:8080'] });

  it.each(['wss://fed.example', 'wss://FED.example:443/other', 'ws://127.0.0.1:8080'])('%s is one of them', (url) => {
    expect(() => guard.checkServer(url)).not.toThrow();
  });

  it.each(['ws://fed.example', 'wss://fed.example:8443', 'wss://fed.example.evil', 'memory'])('%s is not', (url) => {
    expect(() => guard.checkServer(url)).toThrow(refused('servers'));
  });
});

describe('plans', () => {
  const refusal = expect.objectContaining({
    code: 'client.plan-pinned',
    fields: { server: OTHER, pinned: [ONE] },
    message: expect.stringContaining(`The run has the plan ${OTHER}; this client runs no plan but ${ONE}`),
  });

  it.each([
    ['pinned', new SiteGuard({}, ONE)],
    ['of a policy', new SiteGuard({ plans: [ONE] })],
    ['pinned, of several of a policy', new SiteGuard({ plans: [ONE, OTHER] }, ONE)],
  ])('%s: no other runs', (_, guard) => {
    guard.checkRun(planned(ONE));
    expect(() => guard.checkRun(planned(OTHER))).toThrow(refusal);
  });

  it('pinned, but not one of the policy: none runs', () => {
    expect(() => new SiteGuard({ plans: [OTHER] }, ONE).checkRun(planned(ONE))).toThrow(/client|plan/);
  });

  it('a run of training code has none: refused where one is pinned, not by a policy of plans', () => {
    expect(() => new SiteGuard({}, ONE).checkRun(welcome())).toThrow(/has no plan: its clients bring training code/);
    expect(() => new SiteGuard({ plans: [ONE] }).checkRun(welcome())).not.toThrow();
  });
});

describe('algorithms', () => {
  const manifest = (name: string) => ({ algorithm: { name, upload: [] }, parameters: [] }) as unknown as PlanManifest;

  it.each<[SitePolicy, string]>([
    [{ algorithms: ['fedProx'] }, 'algorithms'],
    [{ refuseAlgorithms: ['fedAvg'] }, 'refuseAlgorithms'],
  ])('%j refuses fedAvg, by what the server says and by its plan', (policy, rule) => {
    const guard = new SiteGuard(policy);
    expect(() => guard.checkRun(welcome())).toThrow(refused(rule));
    expect(() => guard.checkPlan(manifest('fedAvg'))).toThrow(refused(rule));
    guard.checkRun(welcome({ algorithm: 'fedProx' }));
    guard.checkPlan(manifest('fedProx'));
  });
});

describe('a demanded clip', () => {
  const guard = new SiteGuard({ requireClip: 1 });
  const clipped = (norm: unknown) => welcome({ stages: [{ name: 'clip', options: { norm: norm as number } }] });

  it('is there with a norm that is small enough, or the run is refused', () => {
    for (const norm of [1, 0.5]) guard.checkRun(clipped(norm));
    for (const run of [welcome(), clipped(1.01), clipped('1'), clipped(Number.NaN)]) {
      expect(() => guard.checkRun(run)).toThrow(refused('requireClip'));
    }
  });

  it.each(['buffer', 'upload'] as const)('is not there for what passes it as it is: a %s is refused', (kind) => {
    guard.checkUpdate(leaving());
    expect(() => guard.checkUpdate(leaving({ specs: [spec('trained'), spec(kind, 'free')] }))).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`the ${kind} free would not be`) }),
    );
  });
});

describe('what leaves', () => {
  it('is not of too few samples, nor too large', () => {
    expect(() => new SiteGuard({ sampleCountMin: 11 }).checkUpdate(leaving())).toThrow(refused('sampleCountMin'));
    expect(() => new SiteGuard({ updateBytesMax: 99 }).checkUpdate(leaving())).toThrow(refused('updateBytesMax'));
    new SiteGuard({ sampleCountMin: 10, updateBytesMax: 100 }).checkUpdate(leaving());
  });

  it('is no more trainings of a client than may be; the same one again is none', () => {
    const guard = new SiteGuard({ trainingsMax: 2 });
    for (const task of [0, 1, 1, 1]) guard.checkUpdate(leaving({ task }));
    guard.checkUpdate(leaving({ client: clientIndex(4), task: 2 }));
    expect(() => guard.checkUpdate(leaving({ task: 2 }))).toThrow(refused('trainingsMax'));
  });

  it('is no more evaluations of a client than may be, or none', () => {
    const guard = new SiteGuard({ evaluationsMax: 1 });
    expect([0, 0, 1].map((client) => guard.allowsEvaluation(clientIndex(client)))).toEqual([true, false, true]);
    expect(new SiteGuard({ withhold: ['evaluations'] }).allowsEvaluation(clientIndex(0))).toBe(false);
  });

  it('is without the facts and reasons that stay', () => {
    const guard = new SiteGuard({ withhold: ['meanLoss', 'reasons'] });
    const update = { type: 'update', facts: { sampleCount: 1, meanLoss: 2 } } as never;
    expect(guard.told(update)).toEqual({ type: 'update', facts: { sampleCount: 1 } });
    for (const type of ['failed', 'error']) {
      const told = guard.told({ type, code: 'client.failed', message: 'patient 7 has no age' } as never);
      expect(told).toMatchObject({ type, code: 'client.failed', message: expect.stringContaining('keeps the reason') });
    }
    expect(() => new SiteGuard({ withhold: ['initialLoss'] }).checkRun(welcome({ needs: ['initialLoss'] }))).toThrow(
      refused('withhold'),
    );
  });
});
