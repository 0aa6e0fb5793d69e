import type { DataSpec, InferenceNames, Tensor } from '@fedloom/engine';
import type { DataDescription } from './description.js';

/** Samples and their labels or targets. The leading dimension of both counts the samples. */
export interface Examples {
  readonly x: Tensor;
  readonly y: Tensor;
  /** What else is known of each sample, by name: for partitions, not for the model. */
  readonly columns?: ReadonlyMap<string, SampleColumn>;
}

/** A text for each sample: `values[codes[row]]`. */
export interface SampleColumn {
  readonly values: readonly string[];
  readonly codes: Int32Array;
}

/** A text for each sample as a column. */
export function sampleColumn(texts: Iterable<string>): SampleColumn {
  const places = new Map<string, number>();
  const codes = Array.from(texts, (text) => {
    const place = places.get(text) ?? places.size;
    places.set(text, place);
    return place;
  });
  return { values: [...places.keys()], codes: Int32Array.from(codes) };
}

/**
 * A data set with a split for training and one for tests. Implementations load lazily, return the same tensors for every
 * call, and keep their elements in shared memory where the platform has it (see `shareTensor`), so that worker threads
 * read them without a copy. Who loads must not change them.
 */
export interface Dataset {
  readonly name: string;
  /** The form of one sample, as it lies in memory. */
  spec(): Promise<DataSpec>;
  /** The test split may have no samples: leading dimension 0. */
  load(split: 'train' | 'test'): Promise<Examples>;
  /**
   * The same data set, whose relative paths begin in `folder` if what they name is there, and in the working folder otherwise.
   * The command calls it with the folder of the task file.
   */
  inFolder?(folder: string): Dataset;
  /**
   * What is taken from the rows that this process reads, and not from the task: `standardize: true`, for instance. It is the same for
   * all clients only if their rows are dealt from the whole, so that who has no more than the rows of one client refuses it.
   */
  readonly learned?: readonly string[];
  /**
   * What people call the inputs and the classes, where the task or its files say so: it goes with the model when it leaves. Asked for
   * after `spec`.
   */
  names?(): Promise<InferenceNames>;
  /** What its training samples hold, for whoever fixes what belongs to the task; also where what is fixed already does not fit. */
  describe?(): Promise<DataDescription>;
}

/** One client's samples: those rows of `x` and `y` that `rows` lists, in its order; all of them where it is absent. */
export interface ClientExamples extends Examples {
  readonly rows?: Int32Array;
}

/** What one client holds. */
export interface ClientData {
  readonly train: ClientExamples;
  /** Absent when the client has no samples to test on. */
  readonly test?: ClientExamples;
}
