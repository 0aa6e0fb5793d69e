import type { NoFields } from '@fedloom/engine/base';

/** Of a file that cannot be read or written; `system` is the code of the operating system, such as `ENOSPC`. */
type FileFields = { readonly path: string; readonly system: string };

/** Of tensors that are not those of the model; `who` says whose they are. */
type MismatchFields = { readonly who: string; readonly tensor: string };

/** The errors of texts, tensors and files: code and fields. */
export interface CoreErrors {
  /** What is no `FedloomError` and ended the command. */
  bug: NoFields;

  'bound.syntax': { readonly name: string; readonly text: string };
  'call.syntax': { readonly text: string; readonly at: number };
  'metric.rule': { readonly text: string };
  'ranges.syntax': { readonly text: string; readonly part: string };

  'client.index': { readonly value: number };
  'version.number': { readonly value: number };
  'hash.syntax': { readonly text: string };

  'params.dtype': MismatchFields;
  'params.names': MismatchFields;
  'params.shape': MismatchFields;

  'safetensors.header': NoFields;
  'safetensors.limit': { readonly limit: number };
  'safetensors.tensor': { readonly name: string };

  'store.failed': FileFields;
  'store.full': FileFields;
  'store.not-writable': FileFields;
}
