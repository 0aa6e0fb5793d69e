import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Graph, gradients, type LayerContext, modelFromOnnx } from '@fedloom/engine';
import { readModelFile } from '../../../../packages/engine/dist/onnx-import/read-file.js';
import { root } from '../../repository/source-tree.js';
import { type Target, unlessRefused } from '../target.js';

const FOLDER = join(root, 'tools/goldens/data/onnx');
const REFUSALS = /^(?:onnx|layer|graph)\./;

function context(g: Graph, training: boolean): LayerContext {
  return {
    training,
    valid: () => g.expand(g.constant(1, 'float32'), ['batch']),
    uniform: (shape) => g.expand(g.constant(0.5, 'float32'), ['batch', ...shape]),
    step: () => g.constant(0, 'float32'),
  };
}

/** Samples as the file's input has them; extents that it leaves open are 4. */
function samplesOf(input: Uint8Array): { readonly shape: readonly number[]; readonly dtype: 'float32' | 'int32' } {
  const [first] = readModelFile(input).inputs;
  const shape = (first?.shape.slice(1) ?? []).map((extent) => (typeof extent === 'number' ? extent : 4));
  return { shape, dtype: first?.dtype === 'float32' || first?.dtype === 'uint8' ? 'float32' : 'int32' };
}

/** A forward model in ONNX that somebody gives to be trained: read, built, and with its gradients. */
export const target: Target = {
  seeds: () =>
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.onnx'))
      .map((name) => readFileSync(join(FOLDER, name))),
  run(input) {
    unlessRefused(REFUSALS, () => {
      const model = modelFromOnnx(input);
      const { shape, dtype } = samplesOf(input);
      const built = model.build(shape);
      for (const training of [false, true]) {
        const g = new Graph();
        const x = g.input('x', dtype, ['batch', ...shape]);
        const params = new Map(
          built.parameters.map((one) => [one.name, g.input(`parameter ${one.name}`, 'float32', one.shape)]),
        );
        const made = built.apply(g, x, params, context(g, training));
        const output = 'output' in made ? made.output : made;
        if (training && output.dtype === 'float32') gradients(output, [...params.values()]);
      }
    });
  },
};
