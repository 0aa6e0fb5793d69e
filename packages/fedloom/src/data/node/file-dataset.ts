import type { DataSpec } from '@fedloom/engine';
import type { Dataset, Examples } from '../dataset.js';

/** All that a reader found in its files. */
export interface FileContents {
  readonly spec: DataSpec;
  readonly train: Examples;
  readonly test: Examples;
}

/** A data set's parts that all readers of files have. */
export type FileDataset = Required<Dataset>;

/**
 * A data set whose files are read once, when somebody first asks for something that is in them.
 * @param read is given the folder where relative paths begin, if there is one beside the working folder
 */
export function fileDataset(
  name: string,
  learned: readonly string[],
  read: (folder: string | undefined) => Promise<FileContents>,
  folder?: string,
): FileDataset {
  let reading: Promise<FileContents> | undefined;
  const contents = () => {
    reading ??= read(folder);
    return reading;
  };
  return Object.freeze({
    name,
    learned,
    spec: async () => (await contents()).spec,
    load: async (split: 'train' | 'test') => (await contents())[split],
    inFolder: (other: string) => fileDataset(name, learned, read, other),
  });
}
