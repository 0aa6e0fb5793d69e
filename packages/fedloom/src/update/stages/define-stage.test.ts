import { describe, expect, it } from 'vitest';
import type { Stage } from '../stage-contract.js';
import { defineStage } from './define-stage.js';

const client: Stage['client'] = (tensors) => ({ tensors });
const server: Stage['server'] = (payload) => payload;

describe('defineStage', () => {
  it.each(['clip', 'topK', 'acme/noise', 'acme-labs/noise2'])('takes the name %s and freezes the stage', (name) => {
    const options = { sigma: 1.5, exact: true, law: 'normal' };
    const stage = defineStage({ name, options, client });
    expect(stage).toEqual({ name, options, client });
    expect(Object.isFrozen(stage)).toBe(true);
    expect(Object.isFrozen(stage.options)).toBe(true);
    expect(Object.isFrozen(options)).toBe(false);
  });

  it.each<[string, Partial<Stage>]>([
    ['its name must be', { name: 'Clip' }],
    ['its name must be', { name: '' }],
    ['its name must be', { name: 'a/b/c' }],
    ['its name must be', { name: '/clip' }],
    ['its name must be', { name: 'stage:clip' }],
    ['its option "two words"', { options: { 'two words': 1 } }],
    ['its option norm is NaN', { options: { norm: Number.NaN } }],
    ['its option norm is Infinity', { options: { norm: Number.POSITIVE_INFINITY } }],
    ['its option norm is null', { options: { norm: null as unknown as number } }],
    ['it has 17 options', { options: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`o${i}`, i])) }],
    ['its option text has 257 characters', { options: { text: 'x'.repeat(257) } }],
    ['must be named in camel case', { options: { [`o${'x'.repeat(256)}`]: 1 } }],
  ])('refuses a stage where %s', (why, change) => {
    expect(() => defineStage({ name: 'clip', options: {}, client, ...change })).toThrow(
      expect.objectContaining({ code: 'stage.definition', message: expect.stringContaining(why) }),
    );
  });

  it('refuses halves that cannot be', () => {
    const refused = (stage: Omit<Stage, 'name' | 'options'>, why: RegExp) =>
      expect(() => defineStage({ name: 'mine', options: {}, ...stage })).toThrow(why);
    refused({}, /neither a client half nor a server half/);
    refused({ client, payload: (input) => input }, /declares a payload/);
    refused({ server, payload: (input) => input }, /declares a payload/);
    refused({ client, bounds: true }, /no server half/);
  });
});
