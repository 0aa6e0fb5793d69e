import type { DType, NoFields } from '@fedloom/engine/base';
import type { Version } from './update.js';
import type { UpdatePart } from './usual-update.js';

/** `who` says whose update it is: `client 7`. */
type UpdateFields = { readonly who: string };
type TensorFields = UpdateFields & { readonly tensor: string };
type AggregateFields = { readonly fold: string; readonly tensor: string };
type CohortFields = { readonly fold: string; readonly updates: number };
type TensorForm = { readonly dtype: DType; readonly shape: readonly number[] };

/** The errors of updates, folds and stages: code and fields. */
export interface UpdateErrors {
  'params.buffers': { readonly name: string };
  'update.base': { readonly client: number; readonly base: Version; readonly newest: number };
  'update.dtype': TensorFields;
  'update.fact':
    | { readonly fact: string; readonly value?: unknown; readonly who?: string; readonly client?: number }
    | (UpdateFields & { readonly count: number })
    | (UpdateFields & { readonly length: number });
  'update.names': TensorFields;
  'update.norm': UpdateFields & { readonly part: UpdatePart; readonly norm: number; readonly normMax: number };
  'update.not-finite': TensorFields;
  'update.sample-count': UpdateFields & { readonly sampleCount: number | undefined; readonly sampleCountMax: number };
  'update.shape': TensorFields;
  'update.too-large': TensorFields & { readonly magnitude: number; readonly weight: number };
  'update.weight': UpdateFields & { readonly weight: number };

  'aggregate.dtype': AggregateFields;
  'aggregate.empty': NoFields;
  'aggregate.names': AggregateFields;
  'aggregate.outliers': { readonly outliers: number; readonly updates: number };
  'aggregate.overflow': { readonly fold?: string; readonly tensor?: string };
  'aggregate.partial': NoFields;
  'aggregate.shape': AggregateFields;
  'aggregate.too-few': CohortFields;
  'aggregate.untrained': { readonly fold: string };
  'aggregate.weight': { readonly name: string; readonly total: number };
  'aggregate.weights': { readonly name: string; readonly count: number };

  'fold.definition': { readonly name: unknown };
  /** `how` it went. */
  'fold.holder-lost': { readonly how: string };
  'fold.memory': CohortFields & { readonly bytes: number; readonly memoryBytesMax: number };
  'fold.option': { readonly fold: string; readonly option: string; readonly value?: unknown };
  /** Updates cannot stay where they were trained: `because`. */
  'fold.partial-sums': { readonly task: string; readonly because: string };
  'fold.too-few': CohortFields;
  'fold.unknown': { readonly name: string };

  'stage.clip': { readonly stage: string; readonly client: number; readonly norm: number; readonly normMax: number };
  'stage.definition': { readonly stage: string };
  'stage.failed': { readonly stage: string; readonly client: number; readonly task: number };
  'stage.names': { readonly stage: string; readonly other: string };
  'stage.not-finite': { readonly stage: string; readonly client: number; readonly tensor: string };
  'stage.option':
    | { readonly stage: string; readonly option: string; readonly value?: unknown }
    | { readonly stage: string; readonly option: string; readonly here: unknown; readonly there: unknown };
  'stage.order':
    | { readonly stage: string; readonly after: string }
    | { readonly stage: string; readonly tensor: string };
  'stage.payload': {
    readonly stage: string;
    readonly client: number;
    readonly tensor: string;
    readonly expected: TensorForm | string | undefined;
    readonly found: TensorForm | number | undefined;
  };
  'stage.state': { readonly stage: string; readonly client: number; readonly tensor: string };
  'stage.unknown': { readonly stage: string; readonly known: readonly string[] };
}
