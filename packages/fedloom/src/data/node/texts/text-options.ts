import { checkHeldOut, type HeldOut, isHeldOut, isTest } from '../../held-out.js';
import {
  checkOptions,
  isCount,
  isFilledList,
  isName,
  isText,
  type OptionCheck,
  optionError,
} from '../../reader-options.js';
import { type TokenKind, tokensOf } from '../../tokens.js';
import type { FilePlace } from '../files.js';

/** Of all texts. */
export interface TokenOptions {
  /** Tokens of a sample. Longer texts are cut, shorter ones filled up with the token 0. */
  readonly length: number;
  /**
   * The tokens that the model tells apart, fixed by the task: they are numbered from 2 in this order, after 0, which fills up short
   * texts, and 1, which is every other token. Of characters it may be a text. A number: as many of the most frequent tokens of
   * the training texts; see `learned` of `Dataset` for what that excludes, and `npx fedloom statistics` for the list.
   */
  readonly vocabulary: readonly string[] | string | number;
  /**
   * `words` (default): in lower case, each run of letters and digits, with apostrophes within it. `characters`: each character as it is.
   * After Unicode's composition (NFC) both.
   */
  readonly by?: TokenKind;
  /** Default: the name of the file without its ending. */
  readonly name?: string;
}

/** Of texts in a table, each with its label. */
export interface LabelledTextsOptions extends TokenOptions {
  /** The column of the texts. */
  readonly text: string;
  /** The column of the labels. */
  readonly label: string;
  /** As of `csv`: texts of the label, or how many classes. Default: a number to regress. */
  readonly classes?: number | readonly string[];
  /** Rows with a blank text or label: an error (default), or left out. */
  readonly missing?: 'refuse' | 'drop';
  /** As of `csv`. */
  readonly separator?: string;
  /** Another file, or a share to hold out. Default: no test texts. */
  readonly test?: FilePlace | HeldOut;
}

/** Of one long text: what comes next. */
export interface RunningTextOptions extends TokenOptions {
  /** How many tokens a sample begins behind the one before. Default 1. */
  readonly step?: number;
  /** Whether each token of a sample has a label, the token behind it: y is `[samples, length]`. Default false: one of the last alone. */
  readonly each?: boolean;
  /** Another file, or a share of the text, which is its end: samples that are drawn would overlap. Default: no test text. */
  readonly test?: FilePlace | { readonly share: number };
}

export type TextsOptions = LabelledTextsOptions | RunningTextOptions;

const COMMON: Readonly<Record<keyof TokenOptions, OptionCheck>> = {
  length: [isCount, 'how many tokens a sample has, a whole number of at least 1'],
  vocabulary: [
    (value) => isCount(value) || isFilledList(value) || (isText(value) && value !== ''),
    'a list of tokens, each once, a text of characters, or how many to take',
  ],
  by: [(value) => value === 'words' || value === 'characters', "'words' or 'characters'"],
  name: [isName, 'a text'],
};

const LABELLED: Readonly<Record<keyof LabelledTextsOptions, OptionCheck>> = {
  ...COMMON,
  text: [isName, 'the name of a column'],
  label: [isName, 'the name of a column'],
  classes: [
    (value) => isFilledList(value) || isCount(value),
    'how many classes there are, or a list of their names, each once',
  ],
  missing: [(value) => value === 'refuse' || value === 'drop', "'refuse' or 'drop'"],
  separator: [(value) => isText(value) && value.length === 1 && !/["\r\n]/.test(value), 'a single character'],
  test: [isTest, 'a file, or { share: 0.2 }'],
};

const RUNNING: Readonly<Record<keyof RunningTextOptions, OptionCheck>> = {
  ...COMMON,
  step: [isCount, 'a whole number of at least 1'],
  each: [(value) => typeof value === 'boolean', 'true or false'],
  test: [isTest, 'a file, or { share: 0.2 }'],
};

/** @throws FedloomError `data.option`, naming the first option at fault */
export function checkTextsOptions(options: TextsOptions, reader: string): void {
  const labelled = isLabelled(options ?? {});
  checkOptions(
    options,
    labelled ? LABELLED : RUNNING,
    reader,
    labelled ? ['text', 'label', 'length', 'vocabulary'] : ['length', 'vocabulary'],
  );
  const { vocabulary, by = 'words', test } = options;
  if (typeof vocabulary === 'string' && by === 'words') {
    throw optionError(reader, 'vocabulary', 'vocabulary must be a list of words; only of characters it may be a text.');
  }
  for (const token of typeof vocabulary === 'object' ? vocabulary : []) {
    const cut = tokensOf(token, by);
    if (cut.length === 1 && cut[0] === token) continue;
    const instead =
      cut.length === 0 ? 'nothing of it stays' : `it would be ${cut.map((one) => JSON.stringify(one)).join(', ')}`;
    throw optionError(
      reader,
      'vocabulary',
      `vocabulary holds ${JSON.stringify(token)}, which no text is cut into: ${instead}.`,
    );
  }
  if (!isHeldOut(test)) return;
  checkHeldOut(test, reader);
  if (!labelled && 'seed' in test) {
    throw optionError(reader, 'test.seed', 'the end of the text is held out, which no seed changes: leave it out.');
  }
}

export function isLabelled(options: TextsOptions): options is LabelledTextsOptions {
  return 'text' in options || 'label' in options;
}
