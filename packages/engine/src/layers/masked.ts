import type { Value } from '../graph/value.js';
import { defineLayer } from './define.js';
import { checkInteger, shapeMismatch } from './layer-checks.js';
import { buildList, type Layers, namedLayers } from './layer-list.js';
import { presentOf } from './present.js';
import type { Layer } from './types.js';

/**
 * Layers of samples that are tokens `[positions]`, of which `padding` fills up short ones: within them, attention sees no padding (as
 * torch.nn.TransformerEncoder with `src_key_padding_mask`), `lstm` and `gru` go past it with the state that they have (as of packed
 * sequences), and `positionMean` takes none into its mean. Parameters are named as in `block`.
 * @throws FedloomError `layer.option`
 */
export function masked(padding: number, layers: Layers): Layer {
  const kind = `masked(${padding})`;
  checkInteger(kind, 'padding', padding, 0);
  const named = namedLayers('masked', layers);
  return defineLayer({
    kind,
    build(inputShape) {
      if (inputShape.length !== 1) {
        throw shapeMismatch(kind, '[tokens]', inputShape, 'put the embedding within it, so that it sees the tokens');
      }
      const built = buildList(named, inputShape);
      return {
        ...built,
        apply(g, x, params, context) {
          let made: Value | undefined;
          const present = () => {
            made ??= g.sub(1, g.cast(g.equal(x, padding), 'float32'));
            return made;
          };
          return built.apply(g, x, params, { ...context, present });
        },
      };
    },
  });
}

/**
 * The mean over the positions of a sample: `[positions, width]` to `[width]`; within `masked` over those that are no padding, zeros where
 * all are. As Keras's GlobalAveragePooling1D.
 */
export function positionMean(): Layer {
  const kind = 'positionMean';
  return defineLayer({
    kind,
    build(inputShape) {
      const [positions, width] = inputShape;
      if (positions === undefined || width === undefined || inputShape.length !== 2) {
        throw shapeMismatch(kind, '[positions, width]', inputShape, 'put an embedding before it');
      }
      return {
        outputShape: [width],
        parameters: [],
        apply(g, x, _params, context) {
          const present = presentOf(kind, context, [positions, width]);
          if (present === undefined) return g.mean(x, [1]);
          const share = g.div(present, g.maximum(g.sum(present, [1], true), 1));
          return g.sum(g.mul(x, g.reshape(share, [x.shape[0] ?? 1, positions, 1])), [1]);
        },
      };
    },
  });
}
