import { defineLayer } from './define.js';
import { imageShape } from './image-shapes.js';
import { heightAndWidth } from './layer-checks.js';
import { type AxisWeights, resampled } from './resample.js';
import type { Layer } from './types.js';

/**
 * The means of so many windows, whatever the size of the image: samples `[channels, height, width]` to `[channels, ...size]`. Along an axis
 * of `input` pixels, window i of `output` goes from floor(i * input / output) to ceil((i + 1) * input / output), so that windows may
 * overlap, as in torch.nn.AdaptiveAvgPool2d.
 * @param size height and width of what it makes, one number for both or one each
 */
export function adaptiveAveragePool2d(size: number | readonly [number, number]): Layer {
  const [high, wide] = heightAndWidth('adaptiveAveragePool2d', 'size', size);
  return defineLayer({
    kind: 'adaptiveAveragePool2d',
    build(inputShape) {
      const [channels, height, width] = imageShape('adaptiveAveragePool2d', inputShape);
      return {
        outputShape: [channels, high, wide],
        parameters: [],
        apply(g, x) {
          if (high === height && wide === width) return x;
          // Windows of one size that do not overlap are those of the plain pool.
          if (height % high === 0 && width % wide === 0) {
            const kernel = [height / high, width / wide] as const;
            return g.averagePool2d(x, { kernel, strides: kernel });
          }
          return resampled(g, x, windowMeans(height, high), windowMeans(width, wide));
        },
      };
    },
  });
}

function windowMeans(input: number, output: number): AxisWeights {
  return Array.from({ length: output }, (_, at) => {
    const [start, end] = [Math.floor((at * input) / output), Math.ceil(((at + 1) * input) / output)];
    return Array.from({ length: input }, (_, place) => (place >= start && place < end ? 1 / (end - start) : 0));
  });
}
