import type { DataSpec, Tensor } from '@fedloom/engine';

/** Samples and their labels or targets. The leading dimension of both counts the samples. */
export interface Examples {
  readonly x: Tensor;
  readonly y: Tensor;
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
