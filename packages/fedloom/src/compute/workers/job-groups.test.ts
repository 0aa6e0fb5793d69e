import type { PlanManifest } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { groupJobs } from './job-groups.js';
import type { EvaluateWork, TrainWork, WorkJob } from './pool-worker.js';

const x = { dtype: 'float32' as const, shape: [9, 1], data: new Float32Array(9) };
const y = { dtype: 'int32' as const, shape: [9], data: new Int32Array(9) };
const small = { sampleFlops: 1000, training: { batchSize: 10, localEpochs: 1, shuffle: true } } as PlanManifest;
const large = { ...small, sampleFlops: 1e9 };

const shared = (samples: number) => ({
  modelHash: 'm',
  model: new Uint8Array(),
  examples: { x, y, rows: new Int32Array(samples) },
  mark: 1,
});
const train = (client: number, samples = 60, over: Partial<TrainWork> = {}): TrainWork => ({
  kind: 'train',
  client,
  task: 0,
  needs: [],
  seed: 0,
  scalars: { learningRate: 0.1 },
  ...shared(samples),
  ...over,
});
const evaluate = (samples: number, over: Partial<EvaluateWork> = {}): EvaluateWork => ({
  kind: 'evaluate',
  ...shared(samples),
  ...over,
});
/** `graph:jobs` of each group. */
const shapes = (...[jobs, manifest, together = true]: [Parameters<typeof groupJobs>[0], PlanManifest, boolean?]) =>
  groupJobs(jobs, manifest, together).map((group) => `${group.graph}:${group.jobs.length}`);

describe('groupJobs', () => {
  it('trains small clients of one data set together whose batches are alike, in their order', () => {
    const jobs = [train(3, 60), train(1, 51), train(2, 50), train(4, 43)];
    expect(shapes(jobs, small)).toEqual(['trainEach:2', 'trainEach:2']);
    expect(groupJobs(jobs, small, true).flatMap((group): readonly WorkJob[] => group.jobs)).toEqual(jobs);
  });

  it('trains alone what is large or keeps a state', () => {
    expect(shapes([train(0), train(1)], large)).toEqual(['train:1', 'train:1']);
    expect(shapes([train(0), train(1)], small, false)).toEqual(['train:1', 'train:1']);
    expect(shapes([train(0), train(1, 60, { state: new Uint8Array() })], small)).toEqual([
      'trainEach:1',
      'trainEach:1',
    ]);
  });

  it('keeps apart what differs in model, scalars or data set', () => {
    const others = [
      { modelHash: 'n' },
      { scalars: { learningRate: 0.2 } },
      { examples: { x: { ...x }, y, rows: new Int32Array(60) } },
    ];
    for (const other of others)
      expect(shapes([train(0), train(1, 60, other)], small)).toEqual(['trainEach:1', 'trainEach:1']);
    // Data of a client's own are not rows of a common set.
    const own = { examples: { x, y } };
    expect(
      shapes([train(0, 0, own), train(1, 0, own)], { ...small, training: { ...small.training, batchSize: 'all' } }),
    ).toEqual(['trainEach:1', 'trainEach:1']);
  });

  it('evaluates clients of one caller together, up to a number of samples', () => {
    expect(shapes([evaluate(10), evaluate(3), evaluate(7)], large)).toEqual(['evaluate:3']);
    expect(shapes([evaluate(1500), evaluate(500), evaluate(1)], large)).toEqual(['evaluate:2', 'evaluate:1']);
    expect(shapes([evaluate(5000), evaluate(5000)], large)).toEqual(['evaluate:1', 'evaluate:1']);
    expect(shapes([evaluate(1), evaluate(1, { mark: 2 })], large)).toEqual(['evaluate:1', 'evaluate:1']);
    expect(shapes([evaluate(1), train(0), evaluate(1)], small)).toEqual(['evaluate:1', 'trainEach:1', 'evaluate:1']);
  });
});
