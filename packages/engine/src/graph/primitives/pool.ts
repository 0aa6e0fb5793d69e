import { dense, tabulate } from '../../reference/dense.js';
import { zeros } from '../../tensor.js';
import type { Pool2dOptions } from '../image-options.js';
import { extentOf, fixedExtent, sameShape } from '../shapes.js';
import type { Primitive } from '../value.js';
import type { Dim, ProblemFactory, ValueType } from '../value-type.js';

interface PoolGradientAttributes extends Pool2dOptions {
  readonly inputSize: readonly [number, number];
}

/** The type of what a pool makes of images `[N, C, H, W]`. */
export function inferPooled(x: ValueType, options: Pool2dOptions, problem: ProblemFactory): ValueType {
  if (x.shape.length !== 4) throw problem('takes images [N, C, H, W]');
  if (x.dtype !== 'float32' && x.dtype !== 'float64') throw problem('takes float32 or float64', 'graph.dtype');
  if ([...options.kernel, ...options.strides].some((extent) => !Number.isInteger(extent) || extent < 1)) {
    throw problem('needs kernel and strides of at least 1');
  }
  return { dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, ...pooledExtents(x, options, problem)] };
}

function pooledExtents(x: ValueType, { kernel, strides }: Pool2dOptions, problem: ProblemFactory): [number, number] {
  const extents = [2, 3].map((axis, position) => {
    const extent = fixedExtent(x, axis, problem);
    if (extent < kernel[position]!) throw problem(`has windows [${kernel.join(', ')}] larger than the image`);
    return Math.floor((extent - kernel[position]!) / strides[position]!) + 1;
  });
  return extents as [number, number];
}

/** The largest value of each window, and its place: the flat index in x. */
export const maxPool2d: Primitive<Pool2dOptions> = {
  name: 'maxPool2d',
  inferShape([x], options, problem) {
    const pooled = inferPooled(x!, options, problem);
    return [pooled, { dtype: 'int64', shape: pooled.shape }];
  },
  gradient({ graph, inputs, outputs, attributes, outputGradients }) {
    const d = outputGradients[0];
    if (d === undefined) return [undefined];
    const [, , height, width] = inputs[0]!.shape as number[];
    return [graph.maxPool2dGradient(d, outputs[1]!, attributes, [height!, width!])];
  },
  evaluate([x], { kernel, strides }, { outputs, extent }) {
    const [n, c, height, width] = x!.shape as [number, number, number, number];
    const shape = [n, c, ...outputs[0]!.shape.slice(2).map(extent)];
    const places = tabulate(shape, ([image, channel, row, column]) => {
      let best = -1;
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) {
          const y = row! * strides[0] + i;
          const place = ((image! * c + channel!) * height + y) * width + column! * strides[1] + j;
          if (best < 0 || x!.data[place]! > x!.data[best]!) best = place;
        }
      }
      return best;
    });
    return [
      dense(
        shape,
        places.data.map((place) => x!.data[place]!),
      ),
      places,
    ];
  },
  lower: (inputs, { kernel, strides }, { emitMany, outputs }) =>
    emitMany('MaxPool', inputs, { kernel_shape: kernel, strides }, outputs),
};

/** Each gradient added at the place its maximum came from. */
export const maxPool2dGradient: Primitive<PoolGradientAttributes> = {
  name: 'maxPool2dGradient',
  inferShape([d, indices], { inputSize }, problem) {
    if (d!.shape.length !== 4 || !sameShape(d!.shape, indices!.shape))
      throw problem('needs an index for each gradient');
    if (indices!.dtype !== 'int64') throw problem('needs int64 indices', 'graph.dtype');
    return [{ dtype: d!.dtype, shape: [d!.shape[0]!, d!.shape[1]!, ...inputSize] }];
  },
  gradient({ graph, inputs, outputs, outputGradients }) {
    const [d, indices] = inputs;
    const flat = graph.reshape(outputGradients[0]!, flatShape(outputs[0]!.shape));
    return [graph.gather(flat, indices!), undefined].map((value) => value && graph.reshape(value, d!.shape));
  },
  evaluate([d, indices], _, { outputs, extent }) {
    const result = dense(outputs[0]!.shape.map(extent));
    for (const [position, place] of indices!.data.entries()) {
      result.data[place] = result.data[place]! + d!.data[position]!;
    }
    return [result];
  },
  lower([d, indices], { kernel, strides, inputSize }, { emit, constant, integers, shape, outputs }) {
    const type = outputs[0]!;
    if (kernel[0] <= strides[0] && kernel[1] <= strides[1]) {
      const covered = d!.shape
        .slice(2)
        .map((extent, axis) => ((extent as number) - 1) * strides[axis]! + kernel[axis]!);
      const size = sameShape(covered, inputSize) ? [] : [shape(type.shape)];
      return [emit('MaxUnpool', [d, indices, ...size], { kernel_shape: kernel, strides }, type)];
    }
    // Windows that overlap may find the same maximum twice, and MaxUnpool keeps one of the two gradients.
    const flat = { dtype: type.dtype, shape: flatShape(type.shape) };
    const flatten = (value: typeof d, dtype: typeof type.dtype) =>
      emit('Reshape', [value, integers([-1])], {}, { dtype, shape: flatShape(d!.shape) });
    const base = emit(
      'Reshape',
      [emit('Expand', [constant(zeros(type.dtype, [])), shape(type.shape)], {}, type), integers([-1])],
      {},
      flat,
    );
    const updates = [flatten(indices, 'int64'), flatten(d, type.dtype)];
    const sums = emit('ScatterElements', [base, ...updates], { axis: 0, reduction: 'add' }, flat);
    const batchFirst = integers([-1, ...(type.shape.slice(1) as number[])]);
    return [emit('Reshape', [sums, batchFirst], {}, type)];
  },
};

/** All elements along one axis, under a symbol that says what it is where the number is not known. */
export function flatShape(shape: readonly Dim[]): readonly Dim[] {
  const { count, symbols } = extentOf(shape);
  return [symbols.length === 0 ? count : [count, ...symbols].join('*')];
}
