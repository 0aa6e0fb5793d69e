import { describe, expect, it } from 'vitest';
import type { StageOptions } from '../stage-contract.js';
import { clip } from './clip.js';
import { defineStage } from './define-stage.js';
import { builtInStages, stageNamed } from './registry.js';
import { topK } from './top-k.js';

const own = defineStage({ name: 'acme/noise', options: { sigma: 2, exact: true }, client: (tensors) => ({ tensors }) });

describe('stageNamed', () => {
  it('makes the built-in stages with the options of the run', () => {
    for (const stage of [topK({ fraction: 0.25 }), clip({ norm: 3 })]) {
      const made = stageNamed(stage.name, stage.options);
      expect(made.name).toBe(stage.name);
      expect(made.options).toEqual(stage.options);
    }
    expect([...builtInStages].sort()).toEqual(['clip', 'topK']);
  });

  it('gives those that a task brings', () => {
    expect(stageNamed('acme/noise', { exact: true, sigma: 2 }, [own])).toBe(own);
  });

  it.each(['noise', 'constructor', '__proto__', 'x'.repeat(200)])('does not know %s', (name) => {
    expect(() => stageNamed(name, {}, [own])).toThrow(
      expect.objectContaining({
        code: 'stage.unknown',
        message: expect.stringMatching(/^There is no stage ".{1,80}" here; known are acme\/noise, clip, topK\./),
      }),
    );
  });

  it.each<[string, StageOptions, RegExp]>([
    ['topK', {}, /fraction is missing; it must be a finite number above 0 and at most 1/],
    ['topK', { fraction: 0 }, /fraction is 0;/],
    ['topK', { fraction: 1.01 }, /fraction is 1\.01;/],
    ['topK', { fraction: '0.1' }, /fraction is "0\.1";/],
    ['topK', { fraction: 0.1, k: 3 }, /no option "k"; its options are fraction/],
    ['topK', { toString: 1 } as unknown as StageOptions, /no option "toString"/],
    ['clip', { norm: -1 }, /norm is -1; it must be/],
    ['clip', { norm: Number.POSITIVE_INFINITY }, /norm is/],
    ['clip', { norm: true }, /norm is true/],
    ['clip', { norm: 1e-200 }, /at least 1e-100/],
    ['acme/noise', { sigma: 3, exact: true }, /sigma is 2 in this task and 3 in the run/],
    ['acme/noise', { sigma: 2 }, /exact is true in this task and not given in the run/],
    ['acme/noise', { sigma: 2, exact: true, more: 1 }, /more is not given in this task and 1 in the run/],
  ])('refuses %s with options %j', (name, options, message) => {
    expect(() => stageNamed(name, options, [own])).toThrow(
      expect.objectContaining({ code: 'stage.option', message: expect.stringMatching(message) }),
    );
  });
});
