import { dense } from '../layers/dense.js';
import { embedding } from '../layers/embedding.js';
import { checkLayerOptions } from '../layers/layer-checks.js';
import { lstm } from '../layers/lstm.js';
import { sequential } from '../layers/sequential.js';
import type { Model } from '../layers/types.js';

export interface CharacterLstmOptions {
  /** Characters that it tells apart. Default 90. */
  readonly characters?: number;
  /** Of the characters' vectors. Default 8. */
  readonly dimensions?: number;
  /** Of each layer. Default 256. */
  readonly units?: number;
  /** Default 2. */
  readonly layers?: number;
}

/**
 * The next character of a text, as for Shakespeare in McMahan et al. 2017 (arXiv 1602.05629), in FedML's form and with its names
 * (RNN_OriginalFedAvg): samples of 80 characters `[80]`, as numbers, to `[characters]`. 822,570 parameters. FedML leaves the vector of
 * character 0 out of training; here it is like the others.
 */
export function characterLstm(options: CharacterLstmOptions = {}): Model {
  checkLayerOptions('characterLstm', options, ['characters', 'dimensions', 'units', 'layers']);
  const { characters = 90, dimensions = 8, units = 256, layers = 2 } = options;
  return sequential({
    embeddings: embedding(characters, dimensions),
    lstm: lstm(units, { layers }),
    fc: dense(characters),
  });
}

export interface StackOverflowLstmOptions {
  /** Words. Default 10,000. Padding, begin, end and unknown words are four tokens more. */
  readonly vocabulary?: number;
  /** Of the words' vectors. Default 96. */
  readonly dimensions?: number;
  /** Default 670. */
  readonly units?: number;
  /** Default 1. */
  readonly layers?: number;
}

/**
 * The next word after each word of a sentence, as for Stack Overflow in Reddi et al. 2021 (arXiv 2003.00295), in FedML's form and with its
 * names (RNN_StackOverFlow): tokens `[words]` to `[words, vocabulary + 4]`, to be trained with a label for each position, where
 * `softmaxCrossEntropy({ ignore: 0 })` leaves out padding. 4,053,428 parameters: the paper's 4,050,748, and PyTorch's second
 * bias of the LSTM. FedML leaves the vector of token 0 out of training; here it is like the others.
 */
export function stackOverflowLstm(options: StackOverflowLstmOptions = {}): Model {
  checkLayerOptions('stackOverflowLstm', options, ['vocabulary', 'dimensions', 'units', 'layers']);
  const { vocabulary = 10_000, dimensions = 96, units = 670, layers = 1 } = options;
  const tokens = vocabulary + 4;
  return sequential({
    word_embeddings: embedding(tokens, dimensions),
    lstm: lstm(units, { layers, returnSequences: true }),
    fc1: dense(dimensions),
    fc2: dense(tokens),
  });
}
