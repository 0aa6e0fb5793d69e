import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { endlessJobs, plainJobs } from '../../conformance/job-pool-jobs.js';
import { jobPoolSuite } from '../../conformance/job-pool-suite.js';
import { librariesFolder } from './cuda-libraries.js';
import { checkPool, openPool, type PoolChoice, workerStarter } from './pool-choice.js';
import { processPool } from './process-pool.js';
import { threadPool } from './thread-pool.js';

/** Worker processes of this one. */
function workerProcesses(): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const own = lines.filter(
    (line) => line.includes('plan-child.js') && line.trim().split(/\s+/)[1] === `${process.pid}`,
  );
  return own.map((line) => Number.parseInt(line, 10));
}

/** One of them; a pool under test is the only one at that time. */
async function endWorker(): Promise<void> {
  const [pid] = workerProcesses();
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

// A thread that ends without the others takes the process along.
describe.each([
  ['threads', { create: (workers: number) => threadPool(workers, { atOnce: workers }), reference: threadPool }],
  [
    'processes',
    { create: (workers: number) => processPool(workers, { atOnce: workers }), reference: threadPool, endWorker },
  ],
] as const)('the pool of %s', (_name, underTest) => {
  for (const { name, run } of jobPoolSuite(underTest)) test(name, run);
});

it('has ended its processes when it is closed', async () => {
  const pool = processPool(2, { atOnce: 2 });
  const jobs = await plainJobs();
  await pool.load(jobs.plan);
  expect(workerProcesses()).toHaveLength(2);
  await pool.close();
  expect(workerProcesses()).toEqual([]);
});

it('says how a process ended that two tries have ended', async () => {
  const pool = processPool(1);
  const jobs = await endlessJobs();
  await pool.load(jobs.plan);
  const training = jobs.train(pool, 3, [0, 1]).catch((error: unknown) => error);
  let over = false;
  void training.then(() => {
    over = true;
  });
  while (!over) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await endWorker();
  }
  expect(await training).toMatchObject({
    code: 'compute.worker-lost',
    message: expect.stringMatching(/trained client 3: its process ended with signal SIGKILL/),
    fields: { client: 3 },
  });
  await pool.close();
});

it('there are pools by name, and of your own', async () => {
  expect(() => checkPool('ranks' as PoolChoice)).toThrow(expect.objectContaining({ code: 'compute.pool' }));
  expect(() => checkPool({ kind: 'processes', device: 'cpu' })).not.toThrow();
  const made: number[] = [];
  const pool = openPool((workers) => {
    made.push(workers);
    return threadPool(workers);
  }, 3);
  expect(made).toEqual([3]);
  await pool.close();
});

// Where somebody has brought the libraries, there may be a GPU too.
const hasCuda = existsSync(join(librariesFolder(), 'libonnxruntime_providers_cuda.so'));

describe('a device that cannot be used is refused before anything starts', () => {
  it.skipIf(hasCuda).each([
    ['a pool by its settings', () => checkPool({ device: 'cuda:1' })],
    ['threads', () => threadPool(1, { device: 'cuda:1' })],
    ['processes', () => processPool(1, { device: 'cuda:1' })],
    ['workers for others', () => workerStarter({ device: 'cuda:1' })],
  ])('%s', (_, start) => {
    expect(start).toThrow(
      expect.objectContaining({
        code: 'compute.device',
        message: expect.stringMatching(/cuda:1 cannot be used here: .*libonnxruntime_providers_cuda\.so/),
        fields: { device: 'cuda:1' },
      }),
    );
  });

  it('what is no device', () => {
    expect(() => checkPool({ device: 'gpu' as 'cuda' })).toThrow(expect.objectContaining({ code: 'backend.device' }));
  });
});
