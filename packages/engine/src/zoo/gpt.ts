import { gelu } from '../layers/activations.js';
import { attentionHeads } from '../layers/attention.js';
import { block, residual } from '../layers/composites.js';
import { defineLayer } from '../layers/define.js';
import { dense } from '../layers/dense.js';
import { dropout } from '../layers/dropout.js';
import { embedding } from '../layers/embedding.js';
import { checkLayerOptions } from '../layers/layer-checks.js';
import { buildList } from '../layers/layer-list.js';
import { positionalEmbedding } from '../layers/positional-embedding.js';
import { layerNorm } from '../layers/sample-norms.js';
import { sequential } from '../layers/sequential.js';
import type { Layer, Model } from '../layers/types.js';

export interface SmallGptOptions {
  /** Tokens that it tells apart. */
  readonly vocabulary: number;
  /** The most positions of a sample. */
  readonly positions: number;
  /** Default 4. */
  readonly layers?: number;
  /** Of the vectors, which `heads` divides. Default 128. */
  readonly width?: number;
  /** Default 4. */
  readonly heads?: number;
  /** Default 0. */
  readonly dropout?: number;
}

/**
 * A transformer that tells what comes after each position: samples of tokens `[positions]` to `[positions, vocabulary]`, to be trained with
 * a label for each position. Norms come before attention and before the network of four times the width, as in GPT-2 (Radford et
 * al. 2019). Names are those of Karpathy's nanoGPT; initial values are those of the layers, and the last layer has weights of its own.
 * 826,368 parameters with 65 tokens and 128 positions.
 */
export function smallGpt(options: SmallGptOptions): Model {
  checkLayerOptions('smallGpt', options, ['vocabulary', 'positions', 'layers', 'width', 'heads', 'dropout']);
  const { vocabulary, positions, layers = 4, width = 128, heads = 4, dropout: probability = 0 } = options;
  return sequential({
    transformer: block({
      wte: embedding(vocabulary, width),
      wpe: positionalEmbedding(positions),
      drop: dropout(probability),
      h: block(Array.from({ length: layers }, () => transformerBlock(width, heads, probability))),
      ln_f: layerNorm({ dimensions: 1 }),
    }),
    lm_head: dense(vocabulary, { bias: false }),
  });
}

function transformerBlock(width: number, heads: number, probability: number): Layer {
  const attention = block({
    c_attn: dense(3 * width),
    heads: attentionHeads(heads, { causal: true, dropout: probability }),
    c_proj: dense(width),
    resid_dropout: dropout(probability),
  });
  const network = block({
    c_fc: dense(4 * width),
    gelu: gelu(),
    c_proj: dense(width),
    dropout: dropout(probability),
  });
  const parts = [
    ['', residual({ ln_1: layerNorm({ dimensions: 1 }), attn: attention })],
    ['', residual({ ln_2: layerNorm({ dimensions: 1 }), mlp: network })],
  ] as const;
  return defineLayer({ kind: 'transformerBlock', build: (inputShape) => buildList(parts, inputShape) });
}
