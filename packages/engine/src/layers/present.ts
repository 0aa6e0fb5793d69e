import { FedloomError } from '../errors.js';
import type { Value } from '../graph/value.js';
import { shapeText } from './layer-checks.js';
import type { LayerContext } from './types.js';

/**
 * Which positions of a layer's samples are no padding, float32 `[batch, positions]`; undefined: nobody says, and all count.
 * @param kind of the layer @throws FedloomError `layer.shape` where its samples have other positions than the tokens that were looked at
 */
export function presentOf(
  kind: string,
  { present }: LayerContext,
  inputShape: readonly [positions: number, ...others: number[]],
): Value | undefined {
  const found = present?.();
  const [positions] = inputShape;
  if (found === undefined || found.shape[1] === positions) return found;
  const message =
    `${kind}: its samples are ${shapeText(inputShape)}, and the tokens that masked() looked at have ${found.shape[1]} positions: ` +
    'end masked() before what changes the positions.';
  throw new FedloomError('layer.shape', message, { layer: kind, expected: `[${found.shape[1]}, ...]`, inputShape });
}
