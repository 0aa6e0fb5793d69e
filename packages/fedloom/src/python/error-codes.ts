import type { NoFields } from '@fedloom/engine/base';

/** The errors of trainers in Python: code and fields. */
export interface PythonErrors {
  'python.gpu-mapping': { readonly path: string };
  /** `target`: the file, module or class at fault. */
  'python.load': { readonly target: string };
  /** `how` its process ended. */
  'python.lost': { readonly how: string };
  'python.not-found': { readonly python: string };
  'python.option': { readonly option: string };
  'python.params': { readonly parameter?: string };
  /** What the user's code raised in `method`; the message holds the traceback. */
  'python.raised': { readonly method?: string };
  'python.results': NoFields;
  'python.samples': NoFields;
  'python.timeout': { readonly timeoutMs: number };
  'python.too-old': { readonly python: string; readonly version: string };
}
