import { FedloomError, isFedloomError } from '@fedloom/engine';
import type { JobPool, TrainReply } from '../compute/job-pool.js';
import { commonSamples, endlessJobs, frozenJobs, type Jobs, personalJobs, plainJobs, shown } from './job-pool-jobs.js';
import { type ConformanceCase, check, checkEqual, checkRefused, inTime } from './suite.js';

export interface JobPoolUnderTest {
  create(workers: number): JobPool;
  /** Gives a pool whose replies the other's must equal to the bit: `threadPool`. */
  reference(workers: number): JobPool;
  /** Ends one worker of the pool the hard way; absent where none can end without the others. */
  readonly endWorker?: (pool: JobPool) => Promise<void>;
}

/** Clients of one to 23 samples: of one to three batches, whose order the client's index decides. */
const parts = Array.from({ length: 40 }, (_, client) =>
  Array.from({ length: 1 + ((client * 7) % 23) }, (_, i) => (client + i) % commonSamples),
);
const CANCELLED = ['client.cancelled', 'plan.cancelled'];

/** What every pool of workers must do. */
export function jobPoolSuite({ create, reference, endWorker }: JobPoolUnderTest): readonly ConformanceCase[] {
  return [
    {
      name: 'gives each job its own reply, whoever is beside it, with any number of workers, equal to those of the reference',
      run: async () => {
        const jobs = await plainJobs();
        const expected = await withPool(reference(1), jobs, (pool) => trainAll(pool, jobs));
        for (const workers of [1, 3]) {
          await withPool(create(workers), jobs, async (pool) => {
            checkEqual(
              await trainAll(pool, jobs),
              expected,
              `what ${workers} workers reply to jobs that come together`,
            );
            for (const client of [0, 1, 8]) {
              const alone = await inTime(jobs.train(pool, client, parts[client] ?? []), 'a job alone');
              checkEqual(shown(alone), expected[client], `the reply to the job of client ${client} alone`);
              const own = await inTime(jobs.trainOwn(pool, client, parts[client] ?? []), 'a job on data of its own');
              checkEqual(shown(own), expected[client], `the reply to client ${client} on data of its own`);
            }
          });
        }
      },
    },
    {
      name: 'evaluates: sums over the samples, equal to those of the reference, also of jobs that share a signal',
      run: async () => {
        const jobs = await plainJobs();
        const { signal } = new AbortController();
        const all = (pool: JobPool) => Promise.all(parts.map((rows) => jobs.evaluate(pool, rows, { signal })));
        const expected = await withPool(reference(1), jobs, all);
        const replies = await withPool(create(2), jobs, (pool) => inTime(all(pool), 'evaluations'));
        checkEqual(replies, expected, 'what evaluations reply');
        checkEqual(
          replies.map(({ sampleCount }) => sampleCount),
          parts.map(({ length }) => length),
          'sample counts',
        );
      },
    },
    {
      name: 'replies in memory of its own, which the caller may change or give away',
      run: async () => {
        const jobs = await personalJobs();
        await withPool(create(1), jobs, async (pool) => {
          const replies = await Promise.all([0, 1, 2].map((client) => jobs.train(pool, client, [client, 7])));
          const buffers = replies.flatMap(({ update, state }) => [update.buffer, state?.buffer]);
          checkEqual(new Set(buffers).size, 6, 'the number of buffers of three updates and states');
          for (const { update } of replies) update.fill(0);
          const again = await jobs.train(pool, 1, [1, 7]);
          check(
            again.update.some((byte) => byte !== 0),
            'an update that its caller had changed comes again',
          );
        });
      },
    },
    {
      name: 'carries private state and private parameters from job to job, each of its own client',
      run: async () => {
        const jobs = await personalJobs();
        const twice = async (pool: JobPool) => {
          const first = await Promise.all([0, 1].map((client) => jobs.train(pool, client, [client, client + 3])));
          const states = first.map(({ state }) => state?.slice());
          const second = await Promise.all(
            states.map((state, client) => jobs.train(pool, client, [client, client + 3], { state, seed: 1 })),
          );
          const evaluated = await Promise.all(
            [undefined, ...states].map((state) => jobs.evaluate(pool, [0, 1, 2, 3], { state })),
          );
          checkEqual(new Set(evaluated.map(({ sums }) => sums.loss)).size, 3, 'the number of losses of three heads');
          return [...[...first, ...second].map(shown), evaluated];
        };
        const expected = await withPool(reference(1), jobs, twice);
        const replies = await withPool(create(2), jobs, (pool) => inTime(twice(pool), 'jobs with state'));
        checkEqual(replies, expected, 'what jobs with private state reply');
      },
    },
    {
      name: 'trains and evaluates under the frozen parameters that were loaded with the plan, which no model holds',
      run: async () => {
        const [jobs, others] = [await frozenJobs(), await frozenJobs(1)];
        const rows = [0, 1, 2, 3];
        const both = async (pool: JobPool) => [shown(await jobs.train(pool, 3, rows)), await jobs.evaluate(pool, rows)];
        const expected = await withPool(reference(1), jobs, both);
        await withPool(create(1), jobs, async (pool) => {
          checkEqual(await inTime(both(pool), 'jobs'), expected, 'what jobs under frozen parameters reply');
          await inTime(pool.load(others.plan), 'the same plan with others');
          const under = await inTime(both(pool), 'jobs under others');
          check(
            JSON.stringify(under) !== JSON.stringify(expected),
            'jobs reply the same under other frozen parameters',
          );
        });
      },
    },
    {
      name: "costs a job that fails its own reply alone, with the error's code, message and fields",
      run: async () => {
        const jobs = await plainJobs();
        const failing = async (pool: JobPool) => {
          const clients = [[0, 1], [], [2, 3]].map((rows, client) => jobs.train(pool, client, rows));
          const settled = await inTime(Promise.allSettled(clients), 'jobs of which one fails');
          return settled.map((one) => {
            if (one.status === 'fulfilled') return shown(one.value);
            const { code, message, fields } = one.reason as FedloomError;
            return { isOurs: one.reason instanceof FedloomError, code, message, fields };
          });
        };
        const expected = await withPool(reference(1), jobs, failing);
        checkEqual(await withPool(create(1), jobs, failing), expected, 'what jobs of which one fails come to');
      },
    },
    {
      name: 'loads another plan in place of the first, and refuses one that is none',
      run: async () => {
        const [plain, personal] = [await plainJobs(), await personalJobs()];
        const train = (jobs: Jobs, pool: JobPool) => jobs.train(pool, 3, [1, 2, 3]);
        const expected = await withPool(reference(1), personal, (pool) => train(personal, pool));
        await withPool(create(2), plain, async (pool) => {
          await train(plain, pool);
          await inTime(pool.load(personal.plan), 'the second plan');
          const replies = await inTime(Promise.all([0, 1, 2, 3].map(() => train(personal, pool))), 'its jobs');
          for (const reply of replies)
            checkEqual(shown(reply), shown(expected), 'the reply to a job of the second plan');
        });
        const pool = create(1);
        const nothing = { ...plain.plan, bytes: Uint8Array.of(1, 2, 3), hash: 'none' };
        const error = await inTime(pool.load(nothing), 'a plan that is none').catch((reason: unknown) => reason);
        await pool.close();
        check(
          error instanceof FedloomError && /^plan\./.test(error.code),
          `loading three bytes comes to ${String(error)}`,
        );
      },
    },
    {
      name: 'stops what is cancelled soon, and nothing else',
      run: async () => {
        const jobs = await endlessJobs();
        await withPool(create(1), jobs, async (pool) => {
          const [one, other] = [new AbortController(), new AbortController()];
          const running = jobs.train(pool, 0, [0, 1, 2], { signal: one.signal });
          const behind = jobs.train(pool, 1, [3, 4, 5], { signal: other.signal });
          await pause(200);
          one.abort();
          await checkCancelled(running, 'a job that was cancelled at work');
          const evaluated = jobs.evaluate(pool, [0, 1]);
          await pause(50);
          other.abort();
          await checkCancelled(behind, 'the job behind it');
          checkEqual((await inTime(evaluated, 'an evaluation')).sampleCount, 2, 'samples of an evaluation behind both');
          await checkCancelled(jobs.train(pool, 2, [0], { signal: one.signal }), 'a job that came cancelled');
        });
      },
    },
    {
      name: 'closes while it works: what is at work and what waits ends as cancelled, and nothing comes after',
      run: async () => {
        const jobs = await endlessJobs();
        const pool = create(2);
        await inTime(pool.load(jobs.plan), 'the plan');
        const running = [0, 1, 2, 3, 4, 5].map((client) => jobs.train(pool, client, [0, 1, 2]));
        for (const job of running) job.catch(() => {});
        await pause(100);
        await inTime(Promise.all([pool.close(), pool.close()]), 'the end of a pool at work');
        for (const job of running) await checkCancelled(job, 'a job of a pool that was closed');
        await checkRefused(() => jobs.train(pool, 0, [0]), 'client.cancelled', 'a job after the end');
        await checkRefused(() => pool.load(jobs.plan), 'client.cancelled', 'a plan after the end');
      },
    },
    ...[0, 50, 150, 300].map((ms) => ({
      name: `closes ${ms} ms after its workers began to start and to load a plan`,
      run: async () => {
        const jobs = await plainJobs();
        const pool = create(4);
        const loading = pool.load(jobs.plan).then(
          () => undefined,
          (error: unknown) => error,
        );
        await pause(ms);
        await inTime(pool.close(), 'the end');
        const error = await inTime(loading, 'the plan');
        const fine = error === undefined || isFedloomError(error, 'client.cancelled');
        check(fine, `loading comes to ${String(error)}`);
      },
    })),
    {
      name: 'has an appetite for at least a job a worker',
      run: async () => {
        const jobs = await plainJobs();
        await withPool(create(3), jobs, async (pool) => {
          check(pool.appetite >= 3, `the appetite of three workers is ${pool.appetite} at first`);
          await trainAll(pool, jobs);
          check(pool.appetite >= 3, `the appetite of three workers is ${pool.appetite} later`);
        });
      },
    },
    ...(endWorker === undefined ? [] : lossCases(create, reference, endWorker)),
  ];
}

function lossCases(
  create: JobPoolUnderTest['create'],
  reference: JobPoolUnderTest['reference'],
  endWorker: (pool: JobPool) => Promise<void>,
): readonly ConformanceCase[] {
  return [
    {
      name: 'does again what a worker had that ended, and goes on with as many, also if it had nothing to do',
      run: async () => {
        const jobs = await plainJobs();
        const expected = await withPool(reference(1), jobs, (pool) => trainAll(pool, jobs));
        await withPool(create(2), jobs, async (pool) => {
          await trainAll(pool, jobs);
          await endWorker(pool);
          checkEqual(await trainAll(pool, jobs), expected, 'what jobs reply after an idle worker ended');
          const replies = trainAll(pool, jobs);
          await endWorker(pool);
          checkEqual(await replies, expected, 'what jobs reply while a worker ends');
          for (let workers = 0; workers < 4; workers++) await endWorker(pool);
          checkEqual(await trainAll(pool, jobs), expected, 'what jobs reply after more workers ended than there are');
        });
      },
    },
    {
      name: 'fails a job by name whose workers end again and again, and does the others',
      run: async () => {
        const jobs = await endlessJobs();
        await withPool(create(1), jobs, async (pool) => {
          const bad = jobs.train(pool, 7, [0, 1, 2]).then(
            () => undefined,
            (error: unknown) => error,
          );
          let over = false;
          void bad.then(() => {
            over = true;
          });
          for (let losses = 0; losses < 5 && !over; losses++) {
            // Longer each time: on a busy machine the next worker takes a while to be there.
            await pause(1000 * 2 ** losses);
            if (!over) await endWorker(pool);
          }
          const error = await inTime(bad, 'the job whose workers end');
          const named = isFedloomError(error, 'compute.worker-lost') && error.fields.client === 7;
          check(named, `the job of client 7, whose workers end, comes to ${String(error)}`);
          const { sampleCount } = await inTime(jobs.evaluate(pool, [0, 1]), 'a job after it');
          checkEqual(sampleCount, 2, 'samples of an evaluation after it');
        });
      },
    },
  ];
}

async function withPool<T>(pool: JobPool, jobs: Jobs, use: (pool: JobPool) => Promise<T>): Promise<T> {
  try {
    await inTime(pool.load(jobs.plan), 'a plan');
    return await use(pool);
  } finally {
    await inTime(pool.close(), 'the end of a pool');
  }
}

async function trainAll(pool: JobPool, jobs: Jobs): Promise<readonly unknown[]> {
  const replies: Promise<readonly TrainReply[]> = Promise.all(
    parts.map((rows, client) => jobs.train(pool, client, rows)),
  );
  return (await inTime(replies, 'jobs that came together')).map(shown);
}

async function checkCancelled(job: Promise<unknown>, what: string): Promise<void> {
  const error = await inTime(job, what).catch((reason: unknown) => reason);
  const cancelled = error instanceof FedloomError && CANCELLED.includes(error.code);
  check(cancelled, `${what} comes to ${String(error)}; it must fail with one of ${CANCELLED.join(', ')}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
