import { expect, it } from 'vitest';
import { wireLimits } from '../../protocol/limits.js';
import { whyNot } from './why-not.js';

it('leaves out what the other end would refuse, and cuts what is too long for it', () => {
  expect(whyNot('update.shape', 'another shape')).toEqual({ code: 'update.shape', reason: 'another shape' });
  expect(whyNot('My own code!', 'x'.repeat(wireLimits.textLengthMax + 1))).toEqual({
    reason: 'x'.repeat(wireLimits.textLengthMax),
  });
  expect(whyNot()).toEqual({});
});
