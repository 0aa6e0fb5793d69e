import {
  createLobby,
  createServer,
  defineAlgorithm,
  defineStage,
  defineTask,
  type FederationLobby,
  fedAvg,
  type JoinEvent,
  joinFederation,
  type LobbyOptions,
  type PlanTask,
  type Run,
  type RunResult,
  type ServedRunOptions,
  simulate,
  type Task,
  type Tensor,
  type TrainerTask,
} from 'fedloom';
import { afterEach, describe, expect, it } from 'vitest';
import { logisticRegression } from './logistic-regression.js';
import { RawClient } from './raw-client.js';

const plan = logisticRegression();
const planSize = { clients: 4, clientsPerRound: 2, rounds: 4, seed: 5, workers: 1 };

/** Each client moves every value by an amount of its own. */
const trainer: TrainerTask = defineTask({
  name: 'steps',
  trainer: ({ index }) => {
    let w = new Float32Array(6);
    return {
      getModelParams: (): Record<string, Tensor> => ({ w: { dtype: 'float32', shape: [6], data: w } }),
      setModelParams: (given) => {
        w = Float32Array.from(given.get('w')?.data as Float32Array);
      },
      train: () => {
        w = w.map((value, i) => value * 0.5 + index + i / 3);
        return { sampleCount: index + 1 };
      },
      test: () => ({ results: { first: w[0] ?? 0 }, sampleCount: 1 }),
    };
  },
});
const trainerSize = { clients: 3, clientsPerRound: 3, rounds: 6, seed: 2 };

const alone = {
  plan: simulate(plan, planSize).result,
  trainer: simulate(trainer, { ...trainerSize, workers: 1 }).result,
};

const opened: FederationLobby[] = [];
afterEach(async () => {
  for (const lobby of opened.splice(0)) await lobby.close();
});
async function openLobby(options: LobbyOptions = {}): Promise<FederationLobby> {
  const lobby = await createLobby(options);
  opened.push(lobby);
  return lobby;
}

function join(url: string, run: string | undefined, task: Task, from: number, count: number, more: object = {}) {
  const named = run === undefined ? {} : { run };
  return joinFederation(url, { clients: [{ from, count }], task, workers: 1, ...named, ...more });
}

const outcome = (result: Promise<RunResult>) =>
  result.then(
    ({ status, modelHash }) => [status, modelHash],
    ({ code, message }: { code?: string; message: string }) => ['failed', code ?? message],
  );

describe('two runs at one port', () => {
  it('each ends with the model, and has moved the bytes, that it would alone', async () => {
    const lobby = await openLobby();
    const a = await lobby.open(plan, { ...planSize, run: 'plan' });
    const b = await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    expect([...lobby.runs.keys(), a.name, b.name]).toEqual(['plan', 'steps', 'plan', 'steps']);
    const bytes = async (rounds: AsyncIterable<{ bytesUp: number; bytesDown: number }>) => {
      const all: number[] = [];
      for await (const { bytesUp, bytesDown } of rounds) all.push(bytesUp, bytesDown);
      return all;
    };
    const bytesTogether = Promise.all([bytes(a), bytes(b)]);
    // Clients of both have the same indices.
    const [planResult, trainerResult, ...ends] = await Promise.all([
      a.result,
      b.result,
      join(lobby.url, 'plan', plan, 0, 4),
      join(lobby.url, 'steps', trainer, 0, 3),
    ]);
    expect([planResult.modelHash, trainerResult.modelHash]).toEqual([
      (await alone.plan).modelHash,
      (await alone.trainer).modelHash,
    ]);
    expect(ends.map((end) => end?.reason)).toEqual(['completed', 'completed']);
    expect([...lobby.runs]).toEqual([]);
    const server = await createServer(trainer, { ...trainerSize, run: 'steps' });
    const bytesAlone = bytes(server);
    await Promise.all([server.result, join(server.url, 'steps', trainer, 0, 3)]);
    // What clients say of how long they trained takes a digit more or less.
    const [, together] = await bytesTogether;
    for (const [i, count] of (await bytesAlone).entries())
      expect(Math.abs(count - (together[i] ?? 0))).toBeLessThan(100);
  });

  it('the one that ends first says farewell to its clients; the other goes on, and takes who names none', async () => {
    const lobby = await openLobby({ closeAfterLastRun: true });
    const a = await lobby.open(plan, { ...planSize, run: 'plan' });
    const b = await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    const early = join(lobby.url, 'steps', trainer, 0, 2);
    const first = await Promise.all([a.result, join(lobby.url, 'plan', plan, 0, 4)]);
    expect([first[0].modelHash, first[1]?.reason, [...lobby.runs.keys()]]).toEqual([
      (await alone.plan).modelHash,
      'completed',
      ['steps'],
    ]);
    // Back too late, it hears how its run ended.
    expect((await join(lobby.url, 'plan', plan, 0, 4))?.reason).toBe('completed');
    const ends = await Promise.all([early, join(lobby.url, undefined, trainer, 2, 1)]);
    expect(ends.map((end) => end?.reason)).toEqual(['completed', 'completed']);
    expect((await b.result).modelHash).toBe((await alone.trainer).modelHash);
    await lobby.closed;
    await expect(lobby.open(trainer, trainerSize)).rejects.toMatchObject({ code: 'lobby.closed' });
  });
});

describe('a run that breaks beside another', () => {
  const bug = (): never => {
    throw new Error('a bug');
  };
  const algorithm = defineAlgorithm({ ...fedAvg(), server: { initialize: () => new Map(), update: bug } });
  const stage = defineStage({ name: 'lab/broken', options: {}, client: (tensors) => ({ tensors }), server: bug });
  const listener = (event: 'prepared' | 'clientsJoined' | 'clientsLeft' | 'update' | 'evaluating' | 'round') => ({
    listen: (run: Run) => void run.once(event, bug),
  });
  interface Broken {
    readonly over?: Partial<ServedRunOptions>;
    readonly task?: PlanTask;
    readonly listen?: (run: Run) => void;
  }
  const cases: Record<string, Broken> = {
    'a sampler that throws': { over: { sampler: { name: 'broken', permutation: bug } } },
    'an algorithm that throws': { task: logisticRegression(algorithm) },
    'a stage that throws': { over: { stages: [stage] } },
    'a checkpoint that rejects': { over: { checkpoint: async () => bug() } },
    'a listener that throws before anybody came': listener('prepared'),
    'a listener that throws when somebody came': listener('clientsJoined'),
    'a listener that throws when somebody has gone': listener('clientsLeft'),
    'a listener that throws at an update': listener('update'),
    'a listener that throws at an evaluation': listener('evaluating'),
    'a listener that throws at a round': listener('round'),
  };

  it.each(Object.entries(cases))('%s', async (_what, { task = plan, over = {}, listen }) => {
    const lobby = await openLobby();
    const a = await lobby.open(task, { ...planSize, ...over, run: 'broken' });
    listen?.(a.run);
    const b = await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    // Some of the other's clients come only when this one is down.
    const early = join(lobby.url, 'steps', trainer, 0, 1);
    const leaver = await RawClient.connect(lobby.url);
    leaver.send({ type: 'hello', versions: [2], software: 'raw', capabilities: [] });
    leaver.send({ type: 'auth', method: 'none', run: 'broken' });
    await leaver.next('welcome').catch(() => {});
    leaver.kill();
    const joining = join(lobby.url, 'broken', task, 0, 4, over.stages && { stages: over.stages });
    expect(await outcome(a.result)).toEqual(['failed', expect.anything()]);
    expect((await joining)?.reason).toBe('failed');
    expect([...lobby.runs.keys()]).toEqual(['steps']);
    const [result] = await Promise.all([b.result, early, join(lobby.url, undefined, trainer, 1, 2)]);
    expect(result.modelHash).toBe((await alone.trainer).modelHash);
  });

  it('one that is cancelled, and one whose results cannot be put together', async () => {
    const lobby = await openLobby();
    const aggregator = { name: 'broken', aggregate: bug };
    const a = await lobby.open({ ...plan, resultAggregator: aggregator }, { ...planSize, run: 'plan' });
    const b = await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    const c = await lobby.open(plan, { ...planSize, run: 'never' });
    const warnings: string[] = [];
    a.run.on('warning', ({ code }) => warnings.push(code));
    const joining = join(lobby.url, 'never', plan, 0, 3);
    await new Promise((resolve) => c.run.once('clientsJoined', resolve));
    await c.close();
    expect([(await joining)?.reason, (await c.result).status]).toEqual(['cancelled', 'cancelled']);
    const ends = [join(lobby.url, 'plan', plan, 0, 4), join(lobby.url, 'steps', trainer, 0, 3)];
    expect([(await a.result).modelHash, (await b.result).modelHash]).toEqual([
      (await alone.plan).modelHash,
      (await alone.trainer).modelHash,
    ]);
    await Promise.all(ends);
    expect(new Set(warnings)).toEqual(new Set(['aggregator.failed']));
  });
});

describe('a client that asks for the wrong run', () => {
  it('is told which there are', async () => {
    const lobby = await openLobby();
    await lobby.open(plan, { ...planSize, run: 'plan' });
    await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    const refused = (text: RegExp) =>
      expect.objectContaining({ code: 'lobby.run', message: expect.stringMatching(text) });
    await expect(join(lobby.url, 'letters', trainer, 0, 1)).rejects.toEqual(
      refused(/refused this client: No run named letters is open here\. Open: plan, steps\./),
    );
    await expect(join(lobby.url, undefined, trainer, 0, 1)).rejects.toEqual(refused(/name one of plan, steps\./));
    await expect(join(lobby.url, 'no name', trainer, 0, 1)).rejects.toMatchObject({
      code: 'protocol.message',
      message: expect.stringContaining('run'),
    });
    await expect(lobby.open(plan, { ...planSize, run: 'steps' })).rejects.toMatchObject({ code: 'lobby.run-taken' });
    expect([...lobby.runs.keys()]).toEqual(['plan', 'steps']);
  });

  it('waits where no run is open yet', async () => {
    const lobby = await openLobby();
    const events: JoinEvent[] = [];
    const onEvent = (event: JoinEvent) => events.push(event);
    const joining = join(lobby.url, 'steps', trainer, 0, 3, { onEvent });
    await expect.poll(() => events.length).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ type: 'retrying', reason: expect.stringContaining('No run named steps') });
    const run = await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    expect((await joining)?.reason).toBe('completed');
    expect((await run.result).modelHash).toBe((await alone.trainer).modelHash);
  });

  it('at a server with one run only, hears of that one', async () => {
    const server = await createServer(trainer, { ...trainerSize, run: 'steps' });
    expect([server.name, server.run, server.result]).toEqual(['steps', server.run, server.run.result]);
    await expect(join(server.url, 'plan', trainer, 0, 3)).rejects.toMatchObject({ code: 'lobby.run' });
    await Promise.all([server.result, join(server.url, 'steps', trainer, 0, 3)]);
  });
});

describe('a client that names one run and means another', () => {
  it('reaches nothing of the other: neither plan, nor model, nor places', async () => {
    const lobby = await openLobby();
    const a = await lobby.open(plan, { ...planSize, run: 'plan' });
    const b = await lobby.open(trainer, { ...trainerSize, run: 'steps' });
    const enter = async (run: string) => {
      const raw = await RawClient.connect(lobby.url);
      raw.send({ type: 'hello', versions: [2], software: 'raw', capabilities: [] });
      await raw.next('challenge');
      raw.send({ type: 'auth', method: 'none', run });
      return { raw, welcome: await raw.next('welcome') };
    };
    const { raw: spy, welcome } = await enter('plan');
    spy.kill();
    const thief = await enter('steps');
    thief.raw.send({ type: 'getPlan', hash: (welcome.workload as { hash: string }).hash });
    expect(await thief.raw.closed).toMatch(/^protocol\.unknown-plan/);
    const fourth = await enter('steps');
    fourth.raw.send({ type: 'join', clients: [{ from: 3, count: 1 }] });
    expect(await fourth.raw.closed).toMatch(/^join\.range/);
    const turncoat = await enter('steps');
    turncoat.raw.send({ type: 'auth', method: 'none', run: 'plan' });
    expect(await turncoat.raw.closed).toMatch(/^protocol\.order/);
    const prisoner = await enter('steps');
    const refused: string[] = [];
    b.run.on('refused', ({ code }) => refused.push(code));
    a.run.on('refused', ({ code }) => refused.push(`plan ${code}`));
    prisoner.raw.sendWithBody(
      {
        type: 'update',
        task: 0,
        attempt: 0,
        client: 0,
        base: { model: 'model', number: 0, hash: `sha256:${'0'.repeat(64)}` },
        facts: { sampleCount: 1, stepCount: 1 },
        trainMs: 1,
      },
      new Uint8Array(8),
    );
    await expect.poll(() => refused).toContain('update.base');
    prisoner.raw.kill();
    const ends = [join(lobby.url, 'plan', plan, 0, 4), join(lobby.url, 'steps', trainer, 0, 3)];
    expect([(await a.result).modelHash, (await b.result).modelHash]).toEqual([
      (await alone.plan).modelHash,
      (await alone.trainer).modelHash,
    ]);
    expect(refused.filter((code) => code.startsWith('plan'))).toEqual([]);
    await Promise.all(ends);
  });
});

describe('closing a lobby', () => {
  it('cancels its runs, and lets go of their clients', async () => {
    const lobby = await createLobby();
    const { url } = lobby;
    const a = await lobby.open(plan, { ...planSize, run: 'plan' });
    const joining = join(lobby.url, 'plan', plan, 0, 1);
    await new Promise((resolve) => a.run.once('clientsJoined', resolve));
    const compiling = lobby.open(logisticRegression(), { ...planSize, run: 'late' });
    const refused = expect(compiling).rejects.toMatchObject({ code: 'lobby.closed' });
    await lobby.close();
    expect(await outcome(a.result)).toEqual(['cancelled', expect.any(String)]);
    expect((await joining)?.reason).toBe('cancelled');
    await refused;
    await lobby.closed;
    await lobby.close();
    await expect(join(url, 'plan', plan, 0, 1, { retryForMs: 0 })).rejects.toMatchObject({
      code: 'client.no-server',
    });
  });
});
