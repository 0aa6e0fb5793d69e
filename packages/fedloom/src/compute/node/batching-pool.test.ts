import { initializeParameters } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../core/random.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { arrays } from '../../data/arrays.js';
import { sharedBytes } from '../../data/shared-tensor.js';
import { compileTask } from '../../task/compile-task.js';
import { defineTask } from '../../task/define-task.js';
import { smallDefinition } from '../../task/testing/small-task.js';
import { BatchingPool } from './batching-pool.js';
import { CancelCells } from './cancel-cells.js';
import type { TrainReply } from './plan-task.js';

const samples = Array.from({ length: 50 }, (_, i) => [i % 7, i % 3, i % 5]);
const task = defineTask({
  ...smallDefinition(),
  data: arrays({ train: { x: samples, y: samples.map(([first = 0]) => first % 2) }, classes: 2 }),
});
const expectedMs = { train: 0.001, evaluate: 0.001 };

async function loaded(pool: BatchingPool) {
  const spec = await task.data.spec();
  const plan = compileTask(task, spec);
  await pool.load(sharedBytes(plan.bytes), 'plan', expectedMs, true);
  const model = initializeParameters(task.model, spec, RandomStream.of(0, 'model'));
  const { x, y } = await task.data.load('train');
  const shared = {
    modelHash: 'model',
    model: sharedBytes(encodeSafetensors(model)),
    cancel: new CancelCells().take(),
  };
  const train = (client: number, rows: readonly number[]): Promise<TrainReply> =>
    pool.run({
      kind: 'train',
      client,
      task: 0,
      needs: [],
      seed: 0,
      scalars: {},
      examples: { x, y, rows: Int32Array.from(rows) },
      ...shared,
    });
  return { train };
}

describe('BatchingPool', () => {
  it('gives each job its own reply, whoever shares its batch, and the same ones with more threads', async () => {
    const rows = Array.from({ length: 40 }, (_, client) =>
      Array.from({ length: 1 + (client % 5) }, (_, i) => client + i),
    );
    const replies: TrainReply[][] = [];
    for (const workers of [1, 2]) {
      const pool = new BatchingPool(workers);
      const { train } = await loaded(pool);
      replies.push(await Promise.all(rows.map((own, client) => train(client, own))));
      // One by one, each is alone in its batch.
      const alone: TrainReply[] = [];
      for (const [client, own] of rows.slice(0, 7).entries()) alone.push(await train(client, own));
      expect(alone).toEqual(replies[0]?.slice(0, 7));
      await pool.close();
    }
    expect(replies[1]).toEqual(replies[0]);
    expect(replies[0]?.map(({ facts }) => facts.sampleCount)).toEqual(rows.map(({ length }) => length));
  });

  it('costs a job that fails its own reply alone', async () => {
    const pool = new BatchingPool(1);
    const { train } = await loaded(pool);
    const settled = await Promise.allSettled([train(0, [0, 1]), train(1, []), train(2, [2, 3])]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(train(3, [])).rejects.toMatchObject({ code: 'plan.samples' });
    await train(4, [4, 5]);
    await pool.close();
  });

  it('rejects a plan that is none, and closes while threads still start', async () => {
    const pool = new BatchingPool(3);
    const nothing = pool.load(sharedBytes(Uint8Array.of(1, 2, 3)), 'plan', expectedMs, true);
    await expect(nothing).rejects.toMatchObject({ code: expect.stringMatching(/^plan\./) });
    await Promise.all([pool.close(), pool.close()]);
    await new BatchingPool(2).close();
  });

  // A thread that is ended while it loads ONNX Runtime or a session takes the process along.
  it.each([0, 50, 150, 300])('closes %i ms after several threads began to start and to load a plan', async (ms) => {
    const pool = new BatchingPool(4, 4);
    const loading = loaded(pool).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await pool.close();
    const { train } = (await loading) as Awaited<ReturnType<typeof loaded>>;
    if (train === undefined) expect(await loading).toMatchObject({ code: 'client.cancelled' });
    else await expect(train(0, [1])).rejects.toMatchObject({ code: 'client.cancelled' });
  });
});
