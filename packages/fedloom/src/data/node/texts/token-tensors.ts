import type { Tensor } from '@fedloom/engine';
import { sha256 } from '../../../core/node/sha256.js';
import { sharedTensor } from '../../tensor-sharing.js';
import { FIRST_TOKEN, frequentTokens, PADDING, tokenNumbers, tokensOf, UNKNOWN } from '../../tokens.js';
import type { FileContents } from '../file-dataset.js';
import type { TextsOptions } from './text-options.js';

/** What a reader of texts found. */
export interface TextContents extends FileContents {
  readonly vocabulary: readonly string[];
}

/** Texts as numbers of tokens, int32 `[texts, length]`. */
export function toTokens(
  texts: readonly string[],
  vocabulary: readonly string[],
  { length, by = 'words' }: Pick<TextsOptions, 'length' | 'by'>,
): Tensor {
  const numbers = tokenNumbers(vocabulary);
  const x = sharedTensor('int32', [texts.length, length]);
  for (const [row, text] of texts.entries()) {
    const tokens = tokensOf(text, by).slice(0, length);
    for (const [at, token] of tokens.entries()) x.data[row * length + at] = numbers.get(token) ?? UNKNOWN;
    for (let at = tokens.length; at < length; at++) x.data[row * length + at] = PADDING;
  }
  return x;
}

/** The vocabulary of a task, or the most frequent tokens of the training texts. */
export function vocabularyFor(
  { vocabulary, by = 'words' }: TextsOptions,
  trainingTexts: Iterable<string>,
): readonly string[] {
  if (typeof vocabulary !== 'number') return fixedVocabulary(vocabulary, by);
  const cut = function* () {
    for (const text of trainingTexts) yield tokensOf(text, by);
  };
  return frequentTokens(cut(), vocabulary);
}

/** How many numbers of tokens there are, with the two that are not the vocabulary's. */
export function vocabularySize(vocabulary: TextsOptions['vocabulary'], by: TextsOptions['by']): number {
  const tokens = typeof vocabulary === 'number' ? vocabulary : fixedVocabulary(vocabulary, by).length;
  return FIRST_TOKEN + tokens;
}

/** A vocabulary that the task lists: each token once, in the form that texts are cut into. */
export function fixedVocabulary(vocabulary: readonly string[] | string, by: TextsOptions['by']): readonly string[] {
  return typeof vocabulary === 'string' ? [...new Set(tokensOf(vocabulary, by ?? 'words'))] : vocabulary;
}

export function encodingOf(meaning: Readonly<Record<string, unknown>>): string {
  return sha256(new TextEncoder().encode(JSON.stringify(meaning)));
}
