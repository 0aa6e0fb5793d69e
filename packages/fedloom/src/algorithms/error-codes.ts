import type { DType } from '@fedloom/engine/base';

/** The errors of algorithms: code and fields. */
export interface AlgorithmErrors {
  'algorithm.aggregate': { readonly dtype: DType } | { readonly name: string };
  'algorithm.definition': { readonly algorithm: string };
  'algorithm.fold': { readonly algorithm: string; readonly fold: string };
  'algorithm.not-finite': { readonly tensor: string };
  'algorithm.option': { readonly algorithm: string; readonly option: string; readonly value?: unknown };
  'algorithm.private': { readonly algorithm: string; readonly name: string };
  'algorithm.result': { readonly tensor?: string };
  'algorithm.unknown': { readonly name: string };
}
