import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../core/float16.js';
import { travelsAsDelta, type Update, type UpdateSpec } from './update.js';

/**
 * The update as if it had started from another model: of what travels as a difference, local - to in place of local - from,
 * so that added to `to` it gives what the client trained. Values and uploads stay.
 */
export function rebasedUpdate(
  update: Update,
  specs: readonly UpdateSpec[],
  from: NamedTensors,
  to: NamedTensors,
): Update {
  const tensors = new Map(update.tensors);
  for (const spec of specs) {
    if (!travelsAsDelta(spec)) continue;
    const [delta, before, after] = [update.tensors, from, to].map((all) =>
      numbersOf(all, spec.name, `client ${update.client}`),
    );
    if (delta === undefined || before === undefined || after === undefined) continue;
    const moved = delta.map((value, i) => value + ((before[i] as number) - (after[i] as number)));
    tensors.set(spec.name, withNumbers(spec, moved));
  }
  return { ...update, tensors };
}

function numbersOf(tensors: NamedTensors, name: string, who: string): Float64Array {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    const message = `The update of ${who} has no tensor "${name}" to start from.`;
    throw new FedloomError('update.names', message, { who, tensor: name });
  }
  if (tensor.dtype === 'float16') return decodeHalves(tensor.data as Uint16Array);
  return Float64Array.from(tensor.data as Float32Array | Float64Array);
}

function withNumbers({ dtype, shape }: UpdateSpec, values: Float64Array): Tensor {
  if (dtype === 'float16') return { dtype, shape, data: encodeHalves(values) };
  return { dtype, shape, data: dtype === 'float32' ? new Float32Array(values) : values };
}
