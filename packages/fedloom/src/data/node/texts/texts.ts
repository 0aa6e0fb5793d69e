import { basename, extname } from 'node:path';
import { FedloomError, type Tensor } from '@fedloom/engine';
import { type FileDataset, fileDataset } from '../file-dataset.js';
import { type FilePlace, pathOf, shown } from '../files.js';
import { checkTextsOptions, isLabelled, type TextsOptions } from './text-options.js';
import type { TextContents } from './token-tensors.js';

/** A data set of texts. */
export interface TextDataset extends FileDataset {
  inFolder(folder: string): TextDataset;
  /** The tokens from number 2, in their order. */
  vocabulary(): Promise<readonly string[]>;
  /**
   * Other texts as the model sees them, int32 `[texts, length]`: to predict what belongs to them.
   * @param texts or, of labelled texts, a table with the column of texts; that of the label need not be there
   * @throws FedloomError `data.*`, naming the file
   */
  inputsOf(texts: readonly string[] | FilePlace): Promise<Tensor>;
}

/**
 * A data set of texts as numbers of tokens, x int32 `[samples, length]`.
 *
 * With `text` and `label`: a table, as `csv` reads it, with a column of texts and one of labels. Without: one long text, of which each
 * sample is `length` tokens and its class the token that comes next, or with `each` that behind each of them; of the vocabulary's V tokens there are V + 2 classes.
 * @throws FedloomError `data.option` at once; on loading `data.file`, `data.csv`, `data.column`, `data.empty`, naming file and line
 */
export function texts(file: FilePlace, options: TextsOptions): TextDataset {
  const reader = `texts('${file}')`;
  checkTextsOptions(options, reader);
  return textsIn(undefined, file, options);
}

function textsIn(folder: string | undefined, file: FilePlace, options: TextsOptions): TextDataset {
  const { contents, ...dataset } = fileDataset<TextContents>(
    {
      name: options.name ?? basename(String(file), extname(String(file))),
      learned: typeof options.vocabulary === 'number' ? [`vocabulary: ${options.vocabulary}`] : [],
      read: async (from) =>
        isLabelled(options)
          ? (await import('./labelled-texts.js')).readLabelledTexts(file, from, options)
          : (await import('./running-text.js')).readRunningText(file, from, options),
      describe: async (read) => {
        const { vocabulary, train, spec } = await read();
        if (!isLabelled(options)) return { samples: train.y.shape[0] ?? 0, columns: [], vocabulary };
        const { describeExamples } = await import('../../describe.js');
        const { samples, columns } = describeExamples(train, spec);
        const label = columns.slice(-1).map((column) => ({ ...column, name: options.label }));
        return { samples, columns: label, label: options.label, vocabulary };
      },
    },
    folder,
  );
  return Object.freeze({
    ...dataset,
    inFolder: (other: string) => textsIn(other, file, options),
    vocabulary: async () => (await contents()).vocabulary,
    async inputsOf(others: readonly string[] | FilePlace) {
      const [{ vocabulary }, { toTokens }] = await Promise.all([contents(), import('./token-tensors.js')]);
      const isFile = typeof others === 'string' || others instanceof URL;
      return toTokens(isFile ? await unlabelledTexts(pathOf(others, folder), options) : others, vocabulary, options);
    },
  });
}

/** @throws FedloomError `data.*` */
async function unlabelledTexts(path: string, options: TextsOptions): Promise<readonly string[]> {
  if (isLabelled(options)) return (await import('./labelled-texts.js')).readUnlabelledTexts(path, options);
  const message = `${shown(path)} is a table, and the texts of this data set are one long text: there is no column to take.`;
  throw new FedloomError('data.file', message, { path });
}
