import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { isFloat } from '../graph/value-type.js';
import { defineLayer } from './define.js';
import { unitVariance } from './initializers.js';
import { checkInteger, checkLayerOptions, shapeMismatch } from './layer-checks.js';
import type { Layer, LayerParameter } from './types.js';

/**
 * A trained vector for each token: samples of whole numbers `[...]` from 0 to vocabularySize - 1 become
 * `[..., dimensions]`. `weight` is `[vocabularySize, dimensions]`, as in torch.nn.Embedding; it starts uniform with mean 0 and
 * variance 1, where PyTorch draws from the normal distribution.
 */
export function embedding(vocabularySize: number, dimensions: number): Layer {
  const kind = `embedding(${vocabularySize}, ${dimensions})`;
  checkInteger(kind, 'vocabularySize', vocabularySize, 1);
  checkInteger(kind, 'dimensions', dimensions, 1);
  return defineLayer({
    kind,
    build: (inputShape) => ({
      outputShape: [...inputShape, dimensions],
      parameters: [vectors(vocabularySize, dimensions)],
      apply: (g, x, params) => g.gather(params.get('weight')!, tokens(g, x, vocabularySize)),
    }),
  });
}

export interface EmbeddingBagOptions {
  /** A token that fills up short texts: it counts in no mean. Default: every token counts. */
  readonly padding?: number;
}

/**
 * The mean of the vectors of a text's tokens: samples `[tokens]` of whole numbers from 0 to vocabularySize - 1 become
 * `[dimensions]`. As torch.nn.EmbeddingBag with mode 'mean' (`padding` is its padding_idx): a text of padding alone gives zeros.
 * Keras says Embedding with mask_zero and GlobalAveragePooling1D. `weight` is that of `embedding`.
 */
export function embeddingBag(vocabularySize: number, dimensions: number, options: EmbeddingBagOptions = {}): Layer {
  const kind = `embeddingBag(${vocabularySize}, ${dimensions})`;
  checkLayerOptions(kind, options, ['padding']);
  const { padding } = options;
  checkInteger(kind, 'vocabularySize', vocabularySize, 1);
  checkInteger(kind, 'dimensions', dimensions, 1);
  if (padding !== undefined) {
    checkInteger(kind, 'padding', padding, 0);
    if (padding >= vocabularySize) throw outside(kind, padding, vocabularySize);
  }
  return defineLayer({
    kind,
    build(inputShape) {
      const [length] = inputShape;
      if (length === undefined || inputShape.length !== 1) {
        throw shapeMismatch(kind, '[tokens]', inputShape, 'give each sample one row of token numbers');
      }
      return {
        outputShape: [dimensions],
        parameters: [vectors(vocabularySize, dimensions)],
        apply(g, x, params) {
          const row = tokens(g, x, vocabularySize);
          const found = g.gather(params.get('weight')!, row);
          if (padding === undefined) return g.mean(found, [1]);
          const present = g.sub(1, g.cast(g.equal(row, padding), 'float32'));
          const share = g.div(present, g.maximum(g.sum(present, [1], true), 1));
          return g.sum(g.mul(found, g.reshape(share, [x.shape[0]!, length, 1])), [1]);
        },
      };
    },
  });
}

function vectors(vocabularySize: number, dimensions: number): LayerParameter {
  const shape = [vocabularySize, dimensions];
  return { name: 'weight', shape, role: 'trained', initialize: unitVariance(shape) };
}

function outside(layer: string, padding: number, vocabularySize: number): FedloomError {
  const message =
    `${layer}: the padding token is ${padding}, but tokens are 0 to ${vocabularySize - 1}: count it in vocabularySize, or ` +
    'choose another.';
  return new FedloomError('layer.option', message, { layer, option: 'padding', value: padding });
}

/** Token numbers as rows of a table. Bytes and lists of numbers come as floats. A number below 0 is no row from the end. */
function tokens(g: Graph, x: Value, vocabularySize: number): Value {
  const rows = isFloat(x.dtype) ? g.cast(x, 'int32') : x;
  return g.select(g.greaterOrEqual(rows, 0), rows, vocabularySize);
}
