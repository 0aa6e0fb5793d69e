import type { DataSpec, InferenceNames } from '@fedloom/engine';
import type { Dataset, Examples } from '../dataset.js';
import type { DataDescription } from '../description.js';

/** All that a reader found in its files. */
export interface FileContents {
  readonly spec: DataSpec;
  readonly train: Examples;
  readonly test: Examples;
  /** Absent: there are none. */
  readonly names?: InferenceNames;
}

/** A data set's parts that all readers of files have. */
export type FileDataset = Required<Dataset>;

/** What a reader does with the folder where relative paths begin, if there is one beside the working folder. */
export interface FileReader<C extends FileContents> {
  readonly name: string;
  readonly learned: readonly string[];
  read(folder: string | undefined): Promise<C>;
  /** @param contents those that `read` gave; asked for only if needed */
  describe(contents: () => Promise<C>, folder: string | undefined): Promise<DataDescription>;
}

/** A data set whose files are read once, when somebody first asks for something that is in them. */
export function fileDataset<C extends FileContents>(
  reader: FileReader<C>,
  folder?: string,
): FileDataset & { contents(): Promise<C> } {
  let reading: Promise<C> | undefined;
  const contents = () => {
    reading ??= reader.read(folder);
    return reading;
  };
  return Object.freeze({
    name: reader.name,
    learned: reader.learned,
    contents,
    spec: async () => (await contents()).spec,
    names: async () => (await contents()).names ?? {},
    load: async (split: 'train' | 'test') => (await contents())[split],
    inFolder: (other: string) => fileDataset(reader, other),
    describe: () => reader.describe(contents, folder),
  });
}
