import type { TensorPlace } from './shared-file.js';

/** `f.py:Name` or `package.module:Name`. */
export interface Target {
  /** Absolute path of a file, or a module's name. */
  readonly place: string;
  readonly name: string;
}

/** What a process is to be: sent once, first. */
export interface LoadRequest {
  readonly op: 'load';
  readonly trainer: Target;
  /** Null: the trainer makes its model itself. */
  readonly model: Target | null;
  readonly aggregator: Target | null;
  readonly data: Target | null;
  readonly args: Readonly<Record<string, ArgumentValue>>;
  readonly seed: number;
  readonly perClient: boolean;
  readonly threads: number;
}

export type ArgumentValue = string | number | boolean | null | readonly ArgumentValue[];

export interface Loaded {
  readonly params: readonly TensorPlace[];
  /** Names of the parameters that are buffers of the model. */
  readonly buffers: readonly string[];
  /** Names of what of the model does not travel. */
  readonly private: readonly string[];
  readonly perClient: boolean;
}

export interface JobRequest<Op extends 'train' | 'test' = 'train' | 'test'> {
  readonly op: Op;
  /** -1: the server. */
  readonly client: number;
  readonly path: string;
  /** Null: the user's code seeds itself. */
  readonly seed: number | null;
  readonly params: readonly TensorPlace[];
  /** What the client keeps of the model, as it was after its last update that counted. */
  readonly state: readonly TensorPlace[];
  /** Where tensors that come back may begin. */
  readonly out: number;
}

export interface Trained {
  readonly params: readonly TensorPlace[];
  readonly state: readonly TensorPlace[];
  readonly sampleCount: number;
  readonly facts: Readonly<Record<string, number>>;
}

export interface Tested {
  readonly results: Readonly<Record<string, number | readonly number[]>>;
  readonly sampleCount: number;
  /** Names that have no sound value, and why. */
  readonly unsound?: Readonly<Record<string, string>>;
}

export interface AggregateRequest {
  readonly op: 'aggregate';
  readonly round: number;
  readonly results: Readonly<Record<number, { readonly result: Tested['results']; readonly sample_number: number }>>;
}

export interface Aggregated {
  readonly results: Tested['results'];
}

/** A request's answer by its kind. */
export interface Replies {
  readonly load: Loaded;
  readonly train: Trained;
  readonly test: Tested;
  readonly aggregate: Aggregated;
}

export type Request = LoadRequest | JobRequest | AggregateRequest;
export type ReplyTo<Q extends Request> = Replies[Q['op']];

/** What a process answers when it could not. */
export interface Refusal {
  readonly error: {
    readonly code: RefusalCode;
    readonly message: string;
    readonly fields: Readonly<Record<string, string>>;
  };
}

export type RefusalCode = 'python.load' | 'python.params' | 'python.raised' | 'python.results' | 'python.samples';
