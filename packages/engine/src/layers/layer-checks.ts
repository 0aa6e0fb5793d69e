import { FedloomError } from '../errors.js';

export function shapeText(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}

/** A setting of a layer that must be a whole number of at least `least`. @throws FedloomError `layer.option`. */
export function checkInteger(layer: string, option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new FedloomError(
      'layer.option',
      `${layer}: ${option} is ${value}; give a whole number of at least ${least}.`,
      { layer, option, value },
    );
  }
}

/** A height and a width, from one number for both or one each. */
export function heightAndWidth(
  layer: string,
  option: string,
  value: number | readonly [number, number],
): readonly [number, number] {
  const pair: readonly [number, number] = typeof value === 'number' ? [value, value] : value;
  checkInteger(layer, option, pair[0], 1);
  checkInteger(layer, option, pair[1], 1);
  return pair;
}

/** The error of a layer that cannot take its input: what it expects, what it was given, and how to mend it. */
export function shapeMismatch(
  layer: string,
  expected: string,
  inputShape: readonly number[],
  remedy: string,
): FedloomError {
  return new FedloomError(
    'layer.shape',
    `${layer} expects samples of shape ${expected}, but gets ${shapeText(inputShape)}: ${remedy}.`,
    { layer, expected, inputShape },
  );
}
