import { describe, expect, it } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../core/brands.js';
import { systemClock } from '../core/clock.js';
import { type Job, JobQueue } from './job-queue.js';

const job = (client: number, over: Partial<Job> = {}): Job => ({
  clients: [clientIndex(client)],
  kind: 'train',
  task: 0,
  attempt: 0,
  base: { model: 'model', number: versionNumber(0), hash: namedHash('m') },
  scalars: {},
  ...over,
});

/** A queue whose jobs end when the test says so. */
function controlled(concurrency: number) {
  const started: Job[] = [];
  const aborted: number[] = [];
  const end = new Map<Job, () => void>();
  let idle = 0;
  const graces: (() => void)[] = [];
  const queue = new JobQueue({
    concurrency: () => concurrency,
    run: (next, signal) => {
      started.push(next);
      signal.addEventListener('abort', () => aborted.push(...next.clients));
      return new Promise((resolve) => end.set(next, resolve));
    },
    onIdle: () => {
      idle += 1;
    },
    clock: {
      now: () => 0,
      setTimer: (_delayMs, fire) => {
        graces.push(fire);
        return () => {};
      },
    },
  });
  const passGrace = () => {
    for (const fire of graces.splice(0)) fire();
  };
  const finish = async (at: number) => {
    end.get(started[at] as Job)?.();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { queue, started, aborted, finish, passGrace, idle: () => idle };
}

describe('JobQueue', () => {
  it('runs at most so many at a time, in order', async () => {
    const { queue, started, finish, idle } = controlled(2);
    queue.add([job(0), job(1), job(2)]);
    expect(started.flatMap(({ clients }) => clients)).toEqual([0, 1]);
    await finish(0);
    expect(started.flatMap(({ clients }) => clients)).toEqual([0, 1, 2]);
    expect(idle()).toBe(0);
    await finish(1);
    await finish(2);
    expect(idle()).toBe(1);
  });

  it('never runs two jobs of one client together, and lets others pass', async () => {
    const { queue, started, finish } = controlled(3);
    queue.add([job(7), job(7, { kind: 'evaluate' }), job(8)]);
    expect(started.map(({ clients, kind }) => `${kind} ${clients}`)).toEqual(['train 7', 'train 8']);
    await finish(0);
    expect(started.map(({ clients, kind }) => `${kind} ${clients}`)).toEqual(['train 7', 'train 8', 'evaluate 7']);
  });

  it('holds back a job of several clients while one of them is at work', async () => {
    const { queue, started, aborted, finish } = controlled(3);
    const group = (over: Partial<Job>) =>
      job(0, { kind: 'evaluate', clients: [clientIndex(6), clientIndex(7), clientIndex(8)], ...over });
    queue.add([job(7), group({}), job(9)]);
    expect(started.flatMap(({ clients }) => clients)).toEqual([7, 9]);
    await finish(0);
    expect(started.flatMap(({ clients }) => clients)).toEqual([7, 9, 6, 7, 8]);
    queue.add([group({ clients: [clientIndex(8)], task: 1 })]);
    expect(aborted).toEqual([6, 7, 8]);
    expect(started).toHaveLength(3);
    await finish(2);
    expect(started.at(-1)).toMatchObject({ clients: [8], task: 1 });
  });

  it('aborts a job that a newer one of its client supersedes', async () => {
    const { queue, started, aborted, finish } = controlled(2);
    queue.add([job(7)]);
    queue.add([job(7, { attempt: 1 })]);
    expect(aborted).toEqual([7]);
    expect(started).toHaveLength(1);
    await finish(0);
    expect(started.map(({ attempt }) => attempt)).toEqual([0, 1]);
  });

  it('drops waiting and aborts running jobs that are cancelled', async () => {
    const { queue, started, aborted, finish } = controlled(1);
    queue.add([job(0), job(1), job(2, { task: 1 })]);
    queue.cancel(({ task }) => task === 0);
    expect(aborted).toEqual([0]);
    await finish(0);
    expect(started.flatMap(({ clients }) => clients)).toEqual([0, 2]);
  });

  it('gives the place of an aborted job that will not end to others, but never its client a second job', async () => {
    const { queue, started, finish, passGrace } = controlled(1);
    queue.add([job(0)]);
    queue.cancel(() => true);
    queue.add([job(0, { task: 1 }), job(1)]);
    expect(started).toHaveLength(1);
    const settled = queue.settled();
    passGrace();
    await settled;
    expect(started.flatMap(({ clients }) => clients)).toEqual([0, 1]);
    await finish(1);
    expect(started).toHaveLength(2);
    await finish(0);
    expect(started.map(({ clients, task }) => `${clients} in task ${task}`)).toEqual([
      '0 in task 0',
      '1 in task 0',
      '0 in task 1',
    ]);
  });

  it('goes on after a job that rejects', async () => {
    const ran: number[] = [];
    await new Promise<void>((resolve) => {
      const queue = new JobQueue({
        concurrency: () => 1,
        run: async ({ clients }) => {
          ran.push(...clients);
          throw new Error('broken');
        },
        onIdle: () => ran.length === 2 && resolve(),
        clock: systemClock,
      });
      queue.add([job(0), job(1)]);
    });
    expect(ran).toEqual([0, 1]);
  });

  it('drops a waiting training that a newer one of its client supersedes, and keeps its evaluation', async () => {
    const { queue, started, finish } = controlled(1);
    queue.add([job(0), job(1, { task: 5 }), job(2), job(1, { kind: 'evaluate', task: 4 })]);
    queue.add([job(1, { task: 4 })]);
    for (let at = 0; at < 4; at += 1) await finish(at);
    expect(started.map(({ clients, kind, task }) => [clients[0], kind, task])).toEqual([
      [0, 'train', 0],
      [2, 'train', 0],
      [1, 'evaluate', 4],
      [1, 'train', 4],
    ]);
  });

  it('tells which jobs it cancelled, and whether one runs or waits', () => {
    const { queue } = controlled(1);
    queue.add([job(0), job(1), job(2)]);
    expect(queue.cancel(({ clients: [client] }) => client !== 1).map(({ clients }) => clients[0])).toEqual([2, 0]);
    const has = (client: number) => queue.some((other) => other.clients.includes(clientIndex(client)));
    expect([has(0), has(1), has(2)]).toEqual([true, true, false]);
  });

  it('takes 100,000 jobs in little more than linear time', async () => {
    let done = 0;
    const all = new Promise<void>((resolve) => {
      const queue = new JobQueue({
        concurrency: () => 1,
        run: async () => {
          done += 1;
        },
        onIdle: () => done === 100_000 && resolve(),
        clock: systemClock,
      });
      queue.add(Array.from({ length: 100_000 }, (_, client) => job(client)));
    });
    await all;
    expect(done).toBe(100_000);
  });
});
