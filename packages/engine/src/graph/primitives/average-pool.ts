import { tabulate } from '../../reference/dense.js';
import type { Pool2dOptions } from '../image-options.js';
import type { Primitive } from '../value.js';
import { flatShape, inferPooled } from './pool.js';

/** The mean of each window. */
export const averagePool2d: Primitive<Pool2dOptions> = {
  name: 'averagePool2d',
  inferShape: ([x], options, problem) => [inferPooled(x!, options, problem)],
  // Each window's gradient goes to its elements in equal parts: a transposed convolution, channel by channel, with ones.
  gradient({ graph, inputs, outputs, attributes: { kernel, strides }, outputGradients }) {
    const { dtype, shape } = inputs[0]!;
    const [images] = flatShape(shape.slice(0, 2));
    const [height, width] = shape.slice(2) as [number, number];
    const [rows, columns] = kernel;
    const ones = graph.constant(new Array<number>(rows * columns).fill(1), dtype, [1, 1, rows, columns]);
    const parts = graph.div(outputGradients[0]!, rows * columns);
    const flat = graph.reshape(parts, [images!, 1, ...outputs[0]!.shape.slice(2)]);
    const options = { strides, padding: [0, 0, 0, 0] } as const;
    return [graph.reshape(graph.conv2dInputGradient(flat, ones, options, [height, width]), shape)];
  },
  evaluate([x], { kernel, strides }, { outputs, extent }) {
    const [, channels, height, width] = x!.shape as [number, number, number, number];
    return [
      tabulate(outputs[0]!.shape.map(extent), ([image, channel, row, column]) => {
        let total = 0;
        for (let i = 0; i < kernel[0]; i++) {
          for (let j = 0; j < kernel[1]; j++) {
            const y = row! * strides[0] + i;
            total += x!.data[((image! * channels + channel!) * height + y) * width + column! * strides[1] + j]!;
          }
        }
        return total / (kernel[0] * kernel[1]);
      }),
    ];
  },
  lower: (inputs, { kernel, strides }, { emit, outputs }) => [
    emit('AveragePool', inputs, { kernel_shape: kernel, strides }, outputs[0]!),
  ],
};
