import { dense, meanSquaredError, sequential } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { fedProx } from '../algorithms/fed-prox.js';
import { scaffold } from '../algorithms/scaffold.js';
import { trainedParameters } from '../algorithms/trained.js';
import { compileTask } from './compile-task.js';
import { defineTask } from './define-task.js';
import { smallDefinition, smallSpec } from './testing/small-task.js';

describe('compileTask', () => {
  it('gives equal tasks equal bytes', () => {
    const compile = () => compileTask(defineTask(smallDefinition()), smallSpec).bytes;
    expect(compile()).toEqual(compile());
  });

  it('puts the recipe and the algorithm’s terms into the plan', () => {
    const { manifest } = compileTask(defineTask({ ...smallDefinition(), algorithm: scaffold() }), smallSpec);
    expect(manifest.name).toBe('small');
    expect(manifest.training).toEqual({ localEpochs: 1, batchSize: 10, shuffle: true });
    expect(manifest.algorithm).toEqual({
      name: 'scaffold',
      broadcast: ['control'],
      state: ['control'],
      upload: ['controlDelta'],
    });
    expect([...trainedParameters(manifest)]).toEqual(['0.bias', '0.weight', '2.bias', '2.weight']);
    const prox = compileTask(defineTask({ ...smallDefinition(), algorithm: fedProx({ mu: 0.5 }) }), smallSpec);
    expect(prox.manifest.scalars).toEqual({ learningRate: expect.closeTo(0.1, 6), mu: 0.5 });
  });

  it('says which layer and which data do not fit', () => {
    const wide = { ...smallDefinition(), model: sequential([dense(5)]) };
    expect(() => compileTask(defineTask(wide), smallSpec)).toThrow(
      /^Task "small": model and data do not fit\. .*\[5\].* have samples x float32 \[3\] and 2 classes\.$/,
    );
    const image = { ...smallSpec, x: { dtype: 'uint8' as const, shape: [2, 2] } };
    expect(() => compileTask(defineTask(smallDefinition()), image)).toThrow(/gives \[2, 2\]: add flatten\(\)/);
    expect(() => compileTask(defineTask({ ...smallDefinition(), loss: meanSquaredError() }), smallSpec)).toThrow(
      expect.objectContaining({ code: 'task.model-data' }),
    );
  });
});
