import { onnxRuntimeNode } from '@fedloom/engine/node';
import { describe, expect, it, test } from 'vitest';
import { threadPool } from '../compute/node/thread-pool.js';
import { endlessJobs, plainJobs } from '../conformance/job-pool-jobs.js';
import { jobPoolSuite } from '../conformance/job-pool-suite.js';
import { inThreadPool } from './in-thread-pool.js';
import { Turns } from './turns.js';

const create = () => inThreadPool(onnxRuntimeNode(), new Turns());

describe('the pool of a page', () => {
  for (const { name, run } of jobPoolSuite({ create, reference: threadPool })) test(name, run);
});

it('does nothing while it is paused, and goes on to the same result', async () => {
  const [jobs, turns] = [await plainJobs(), new Turns()];
  const pool = inThreadPool(onnxRuntimeNode(), turns);
  await pool.load(jobs.plan);
  const expected = await jobs.train(pool, 3, [1, 2, 3]);
  turns.pause();
  let done = false;
  const training = jobs.train(pool, 3, [1, 2, 3]).finally(() => {
    done = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(done).toBe(false);
  turns.resume();
  expect((await training).update).toEqual(expected.update);
  await pool.close();
});

it('cancels a job that is paused', async () => {
  const [jobs, turns] = [await endlessJobs(), new Turns()];
  const pool = inThreadPool(onnxRuntimeNode(), turns);
  await pool.load(jobs.plan);
  turns.pause();
  const cancel = new AbortController();
  const training = jobs.train(pool, 3, [0, 1], { signal: cancel.signal });
  setTimeout(() => cancel.abort(), 50);
  await expect(training).rejects.toMatchObject({ code: expect.stringMatching(/cancelled$/) });
  await pool.close();
});
