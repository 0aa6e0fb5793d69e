import { shapeMismatch } from './layer-checks.js';

type Pair = readonly [number, number];

/** The extents of samples that are images, `[channels, height, width]`. @throws FedloomError `layer.shape` */
export function imageShape(layer: string, inputShape: readonly number[]): readonly [number, number, number] {
  const [channels, height, width] = inputShape;
  if (channels === undefined || height === undefined || width === undefined || inputShape.length !== 3) {
    const remedy =
      inputShape.length === 2
        ? `add reshape([1, ${inputShape.join(', ')}]) before it`
        : 'add reshape([channels, height, width]) before it';
    throw shapeMismatch(layer, '[channels, height, width]', inputShape, remedy);
  }
  return [channels, height, width];
}

/** What windows over images leave. @throws FedloomError `layer.shape` */
export function pooledShape(layer: string, inputShape: readonly number[], kernel: Pair, strides: Pair): number[] {
  const [channels, height, width] = imageShape(layer, inputShape);
  if (height < kernel[0] || width < kernel[1]) {
    const expected = `[channels, at least ${kernel[0]}, at least ${kernel[1]}]`;
    throw shapeMismatch(layer, expected, inputShape, 'choose a smaller kernel');
  }
  return [
    channels,
    Math.floor((height - kernel[0]) / strides[0]) + 1,
    Math.floor((width - kernel[1]) / strides[1]) + 1,
  ];
}
