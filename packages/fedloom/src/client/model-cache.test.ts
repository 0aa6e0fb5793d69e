import { describe, expect, it } from 'vitest';
import { JobSignal } from '../compute/cancel-signal.js';
import { sha256 } from '../core/node/sha256.js';
import { ModelCache } from './model-cache.js';
import { modelOf } from './testing/host-under-test.js';

const arrive = (cache: ModelCache, number: number) => cache.arrived(modelOf(number).version, modelOf(number).body);
const hash = (number: number) => modelOf(number).version.hash;

describe('ModelCache', () => {
  it('gives a model at once when it is there, and when it comes to who asked before', async () => {
    const cache = new ModelCache(sha256);
    const early = cache.get(hash(1), new JobSignal());
    expect(early).toBeInstanceOf(Promise);
    arrive(cache, 1);
    const model = await early;
    expect(model.tensors.get('w')?.data).toEqual(Float32Array.of(1, 1));
    expect(cache.get(hash(1), new JobSignal())).toBe(model);
  });

  it('lets who asked before wait on when it is forgotten, and gives it when it comes again', async () => {
    const cache = new ModelCache(sha256);
    const early = cache.get(hash(1), new JobSignal());
    cache.forget([modelOf(1).version]);
    arrive(cache, 1);
    expect((await early).hash).toBe(hash(1));
    cache.forget([modelOf(1).version, modelOf(2).version]);
    expect(cache.get(hash(1), new JobSignal())).toBeInstanceOf(Promise);
  });

  it('rejects when the job is cancelled first, or was before', async () => {
    const cache = new ModelCache(sha256);
    const signal = new JobSignal();
    const waiting = cache.get(hash(1), signal);
    signal.abort();
    await expect(waiting).rejects.toThrow('aborted');
    await expect(cache.get(hash(2), signal)).rejects.toThrow('aborted');
  });

  it('keeps, when another connection begins, only what is needed', async () => {
    const cache = new ModelCache(sha256);
    for (const number of [1, 2, 3]) arrive(cache, number);
    const early = cache.get(hash(4), new JobSignal());
    cache.keepOnly((needed) => needed === hash(2));
    const there = [1, 2, 3].filter((number) => !(cache.get(hash(number), new JobSignal()) instanceof Promise));
    expect(there).toEqual([2]);
    arrive(cache, 4);
    expect((await early).hash).toBe(hash(4));
  });

  it('refuses bytes that are not what was announced', () => {
    const cache = new ModelCache(sha256);
    expect(() => cache.arrived(modelOf(1).version, modelOf(2).body)).toThrow('announced was');
  });
});
