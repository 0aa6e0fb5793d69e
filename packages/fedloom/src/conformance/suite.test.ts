import { FedloomError } from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import type { JobPool } from '../compute/job-pool.js';
import { threadPool } from '../compute/node/thread-pool.js';
import { iid } from '../data/iid.js';
import type { Partitioner } from '../data/partition.js';
import type { Connection, ConnectionHandlers, Dial } from '../protocol/transport.js';
import { fedmlSampling } from '../server/schedule/sampling.js';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import { jobPoolSuite } from './job-pool-suite.js';
import { partitionerSuite } from './partitioner-suite.js';
import { samplerSuite } from './sampler-suite.js';
import type { ConformanceCase } from './suite.js';
import { failures } from './testing/failures.js';
import { transportSuite } from './transport-suite.js';

/** The memory transport with an end at the client's side that is not quite right. */
function flawed(flaw: (sound: Connection) => Partial<Connection>): readonly ConformanceCase[] {
  return transportSuite(() => {
    const { listen, dial } = memoryTransport();
    const flawedDial: Dial = async (url, options) => {
      const sound = await dial(url, options);
      const { peer, patient } = sound;
      return {
        peer,
        patient,
        bind: (handlers) => sound.bind(handlers),
        send: (frame) => sound.send(frame),
        close: (reason) => sound.close(reason),
        get bufferedBytes() {
          return sound.bufferedBytes;
        },
        ...flaw(sound),
      };
    };
    return { listen, dial: flawedDial, nowhere: 'memory://99' };
  });
}

const bindWith =
  (change: (handlers: ConnectionHandlers) => Partial<ConnectionHandlers>) =>
  (sound: Connection): Partial<Connection> => ({
    bind: (handlers) =>
      sound.bind({
        frame: (frame) => handlers.frame(frame),
        drained: () => handlers.drained(),
        closed: (reason) => handlers.closed(reason),
        ...change(handlers),
      }),
  });

describe('the transport suite finds', () => {
  test('nothing in a sound one', async () => {
    expect(await failures(flawed(() => ({})))).toBe('');
  });

  test.each<[string, (sound: Connection) => Partial<Connection>, RegExp]>([
    [
      'a byte that changes on its way',
      bindWith((handlers) => ({
        frame: (frame) => handlers.frame(frame.map((byte, at) => (at === 124 ? byte ^ 1 : byte))),
      })),
      /carries frames both ways.*frame 2 of 125 bytes arrives changed/,
    ],
    [
      'an end that is told twice',
      bindWith((handlers) => ({
        closed: (reason) => {
          handlers.closed(reason);
          handlers.closed(reason);
        },
      })),
      /tells both ends the reason once/,
    ],
    [
      'a reason that is lost',
      bindWith((handlers) => ({ closed: () => handlers.closed('closed') })),
      /what the ends are told/,
    ],
    [
      'frames that come within `bind`',
      (sound) => ({
        bind: (handlers) => {
          handlers.frame(Uint8Array.of(1));
          sound.bind(handlers);
        },
      }),
      /keeps what comes before `bind`.*what came within `bind` is 1/,
    ],
    ['no back-pressure', (sound) => ({ send: (frame) => sound.send(frame) || true }), /`send` never returns false/],
    ['bytes that nobody counts', () => ({ bufferedBytes: 0 }), /bufferedBytes is 0 while frames of 1 MiB wait/],
    ['patience from the start', () => ({ patient: true }), /patience at first is \[false,true\]/],
  ])('%s', async (_flaw, flaw, said) => {
    expect(await failures(flawed(flaw))).toMatch(said);
  });

  test('a dial that fails in words of its own', async () => {
    const cases = transportSuite(() => ({
      listen: memoryTransport().listen,
      dial: () => Promise.reject(new Error('ECONNREFUSED')),
      nowhere: 'memory://99',
    }));
    const nowhere = cases.find(({ name }) => name.includes('nobody listens'));
    await expect(nowhere?.run()).rejects.toThrow(/fails with Error: ECONNREFUSED; it must be .* 'transport.connect'/);
  });
});

test.each([
  ['a client twice', (order: Int32Array) => order.fill(0, 0, 2), /orders all clients.*of 7 clients/],
  ['one array for all calls', (order: Int32Array) => order, /array of its own/],
])('the sampler suite finds %s', async (flaw, spoil, said) => {
  const kept = new Map<string, Int32Array>();
  const cases = samplerSuite(() => ({
    name: 'flawed',
    permutation: (round, clients, perRound) => {
      const key = `${round} ${clients}`;
      const order = kept.get(key) ?? spoil(fedmlSampling().permutation(round, clients, perRound));
      if (flaw.startsWith('one')) kept.set(key, order);
      return order;
    },
  }));
  expect(await failures(cases)).toMatch(said);
});

test.each<[string, Partial<Partitioner>, RegExp]>([
  [
    'randomness of its own',
    {
      partition: (examples, clients, random, split) => iid().partition(examples, clients, shuffledMore(random), split),
    },
    /pure function/,
  ],
  [
    'another code than that of the contract',
    {
      partition: (examples, clients, random, split) => {
        if (examples.y.data.length === 3) throw new FedloomError('partition.shards', 'too few', { perClient: 1 });
        return iid().partition(examples, clients, random, split);
      },
    },
    /must be a FedloomError with code 'partition.samples'/,
  ],
])('the partitioner suite finds %s', async (_flaw, flaw, said) => {
  expect(await failures(partitionerSuite(() => ({ ...iid(), ...flaw })))).toMatch(said);
});

/** Worker threads with something that is not quite right. */
function flawedPool(flaw: (sound: JobPool) => Partial<JobPool>): readonly ConformanceCase[] {
  const create = (workers: number): JobPool => {
    const sound = threadPool(workers);
    return {
      get appetite() {
        return sound.appetite;
      },
      load: (plan) => sound.load(plan),
      train: (job, signal) => sound.train(job, signal),
      evaluate: (job, signal) => sound.evaluate(job, signal),
      close: () => sound.close(),
      ...flaw(sound),
    };
  };
  return jobPoolSuite({ create, reference: threadPool });
}

test.each<[string, RegExp, (sound: JobPool) => Partial<JobPool>, RegExp]>([
  [
    'a job that trains as another client',
    /^gives each job its own reply/,
    (sound) => ({ train: (job, signal) => sound.train({ ...job, client: job.client % 10 }, signal) }),
    /workers reply to jobs that come together is/,
  ],
  [
    'memory that two replies share',
    /memory of its own/,
    (sound) => {
      const common = new Uint8Array(1 << 16);
      const train: JobPool['train'] = async (job, signal) => {
        const reply = await sound.train(job, signal);
        common.set(reply.update);
        return { ...reply, update: common.subarray(0, reply.update.length) };
      };
      return { train };
    },
    /number of buffers of three updates and states is 4; it must be 6/,
  ],
  [
    'private state that is forgotten',
    /private state/,
    (sound) => ({ train: ({ state: _state, ...job }, signal) => sound.train(job, signal) }),
    /what jobs with private state reply/,
  ],
  [
    'an error without its code',
    /costs a job that fails/,
    (sound) => ({
      train: (job, signal) => sound.train(job, signal).catch((error) => Promise.reject(new Error(error.message))),
    }),
    /what jobs of which one fails come to/,
  ],
  [
    'a second plan that is ignored',
    /another plan in place of the first/,
    (sound) => {
      let loading: Promise<void> | undefined;
      return {
        load: (plan) => {
          loading ??= sound.load(plan);
          return loading;
        },
      };
    },
    /the reply to a job of the second plan|Cannot/,
  ],
])('the suite of job pools finds %s', async (_flaw, named, flaw, said) => {
  const broken = flawedPool(flaw).filter(({ name }) => named.test(name));
  expect(broken).toHaveLength(1);
  await expect(broken[0]?.run()).rejects.toThrow(said);
});

let calls = 0;
function shuffledMore<T extends { next(): number }>(random: T): T {
  for (let more = calls++; more > 0; more--) random.next();
  return random;
}
