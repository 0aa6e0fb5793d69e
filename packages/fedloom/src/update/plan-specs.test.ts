import { FedloomError, type Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { ownSpecs } from './plan-specs.js';

const tensor: Tensor = { dtype: 'float32', shape: [2], data: new Float32Array(2) };

describe('ownSpecs', () => {
  const model = new Map([
    ['bn/mean', tensor],
    ['weight', tensor],
  ]);

  it('takes floats for trained but for the declared buffers', () => {
    expect(ownSpecs(model, ['bn/mean']).map(({ name, kind }) => [name, kind])).toEqual([
      ['bn/mean', 'buffer'],
      ['weight', 'trained'],
    ]);
  });

  it('refuses buffers that are no parameter', () => {
    expect(() => ownSpecs(model, ['bn.mean'])).toThrow(
      /The trainer's `buffers` name "bn\.mean", which is no parameter of its model\. Did you mean "bn\/mean"\?/,
    );
    expect(() => ownSpecs(model, ['running_variance'])).toThrow(/The parameters are bn\/mean, weight\./);
    expect(() => ownSpecs(model, ['x'])).toThrow(FedloomError);
  });
});
