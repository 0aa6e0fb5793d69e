import type { OnnxValue } from '../ir.js';
import type { Rule, RuleContext } from '../optimize.js';
import { isPlain, weightGradientOf } from './convolutions.js';

/*
 * Gradients of convolutions of 1x1 at stride 1, which are matrix products over the channels of each place. ONNX Runtime has a product for
 * the convolution itself, but none for a ConvTranspose of one, and takes the swapped one as a product by a vector for each channel.
 */

/** The gradient by the images: the convolution with the weights transposed. */
export const pointwiseInputGradient: Rule = {
  name: 'pointwise-input-gradient',
  apply({ op, inputs, outputs, attributes }, { emit }) {
    const [d, w] = inputs;
    const [dx] = outputs;
    if (op !== 'ConvTranspose' || d === undefined || w === undefined || dx === undefined || !isPlain(attributes))
      return undefined;
    if (w.shape.slice(2).join() !== '1,1' || !sameSize(d, dx)) return undefined;
    const [filters = 1, channels = 1] = w.shape;
    const turned = emit('Transpose', [w], { perm: [1, 0, 2, 3] }, { dtype: w.dtype, shape: [channels, filters, 1, 1] });
    const windows = { kernel_shape: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1] };
    return [emit('Conv', [d, turned], windows, dx)];
  },
};

/** The gradient by the weights: one product over all places of all images. */
export const pointwiseWeightGradient: Rule = {
  name: 'pointwise-weight-gradient',
  apply(node, context) {
    const found = weightGradientOf(node);
    const [w] = node.outputs;
    if (found === undefined || w === undefined || !isPlain(found.conv.attributes)) return undefined;
    if (w.shape.slice(2).join() !== '1,1' || !sameSize(found.x, found.d)) return undefined;
    const [filters = 1, channels = 1] = w.shape;
    const [x, d] = found.conv.inputs.map((swapped) => swapped && flat(swapped, context));
    const product = context.emit('Gemm', [d, x], { transB: 1 }, { dtype: w.dtype, shape: [filters, channels] });
    const target = context.integers([Number(filters), Number(channels), 1, 1]);
    return [context.emit('Reshape', [product, target], {}, w)];
  },
};

function sameSize(a: OnnxValue, b: OnnxValue): boolean {
  return a.shape.slice(2).join() === b.shape.slice(2).join();
}

/** `[C, N, H, W]` as `[C, N * H * W]`. */
function flat(value: OnnxValue, { emit, integers }: RuleContext): OnnxValue {
  const [channels = 1, ...places] = value.shape;
  const shape = [channels, places.join('*')];
  return emit('Reshape', [value, integers([Number(channels), -1])], {}, { dtype: value.dtype, shape });
}
