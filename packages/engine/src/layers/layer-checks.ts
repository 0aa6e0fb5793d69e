import { FedloomError } from '../errors.js';

export function shapeText(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}

/** A value in a few words, for messages. */
export function show(value: unknown): string {
  // Bundlers number names that occur twice.
  if (typeof value === 'function') return `the function ${value.name.replace(/\d+$/, '') || 'without a name'}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** A setting of a layer that must be a whole number of at least `least`. @throws FedloomError `layer.option`. */
export function checkInteger(layer: string, option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const message = `${layer}: ${option} is ${show(value)}; give a whole number of at least ${least}.`;
  throw new FedloomError('layer.option', message, { layer, option, value });
}

/** A height and a width, from one number for both or one each. */
export function heightAndWidth(
  layer: string,
  option: string,
  value: number | readonly [number, number],
): readonly [number, number] {
  const pair: readonly [number, number] = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(pair) || pair.length !== 2) {
    const message = `${layer}: ${option} is ${show(value)}; give a whole number, or [height, width].`;
    throw new FedloomError('layer.option', message, { layer, option, value });
  }
  checkInteger(layer, option, pair[0], 1);
  checkInteger(layer, option, pair[1], 1);
  return pair;
}

/** The settings of a layer must be an object with some of these. @throws FedloomError `layer.option`. */
export function checkLayerOptions(layer: string, options: unknown, known: readonly string[]): void {
  const problem = optionsProblem(layer, options, known);
  if (problem !== undefined)
    throw new FedloomError('layer.option', problem, { layer, option: 'options', value: options });
}

/** What is wrong with settings that must be an object with some of these; undefined: nothing. */
export function optionsProblem(what: string, options: unknown, known: readonly string[]): string | undefined {
  const settings = `{ ${known.join(', ')} }`;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return `${what}: the settings are ${show(options)}; give an object with some of ${settings}.`;
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  return unknown === undefined ? undefined : `${what}: there is no setting ${unknown}; known are ${settings}.`;
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
