import { describe, expect, it } from 'vitest';
import { plainJobs } from '../../conformance/job-pool-jobs.js';
import { startThread } from '../node/thread-pool.js';
import { BatchingPool } from './batching-pool.js';
import type { PoolWorker } from './pool-worker.js';

/** A worker whose code cannot be started. */
const stillborn = (): PoolWorker => ({
  send: () => Promise.reject(new Error('exit code 1')),
  cancel: () => {},
  end: async () => {},
});

describe('workers that end before they are there', () => {
  it('fail the plan, and whatever comes after, when none is left: nobody starts them for ever', async () => {
    let started = 0;
    const pool = new BatchingPool(
      3,
      () => {
        started += 1;
        return stillborn();
      },
      2,
    );
    const jobs = await plainJobs();
    const lost = { code: 'compute.worker-lost', fields: { how: 'exit code 1' } };
    await expect(pool.load(jobs.plan)).rejects.toMatchObject(lost);
    await expect(pool.load(jobs.plan)).rejects.toMatchObject(lost);
    await expect(jobs.train(pool, 0, [0])).rejects.toMatchObject(lost);
    expect(started).toBeLessThan(10);
    await pool.close();
  });

  it('leave the work to the others', async () => {
    let started = 0;
    const pool = new BatchingPool(
      2,
      () => {
        started += 1;
        return started === 1 ? stillborn() : startThread();
      },
      2,
    );
    const jobs = await plainJobs();
    await pool.load(jobs.plan);
    expect((await jobs.train(pool, 0, [0, 1])).facts.sampleCount).toBe(2);
    await pool.close();
  });
});

it('says so when jobs come before a plan', async () => {
  const pool = new BatchingPool(1, startThread, 1);
  const jobs = await plainJobs();
  await expect(jobs.evaluate(pool, [0])).rejects.toThrow(/load was not called/);
  await pool.close();
});
