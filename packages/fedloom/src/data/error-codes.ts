import type { NoFields } from '@fedloom/engine/base';

/** Where data at fault come from, and in which split they are. */
type OriginFields = { readonly where: string; readonly split: string };

/** The errors of data sets, partitions and part folders: code and fields. What was read from a file has its `path` too. */
export interface DataErrors {
  'data.classes': { readonly classes: number | undefined };
  'data.column': { readonly path: string; readonly column: string };
  'data.csv': { readonly path: string; readonly line?: number };
  'data.dtype': OriginFields;
  'data.empty': NoFields;
  'data.encoding': { readonly where: string };
  'data.file': { readonly path: string };
  'data.folder': { readonly path: string };
  'data.idx': { readonly file: string } | { readonly path: string } | { readonly folder: string };
  'data.image': { readonly path: string };
  'data.labels':
    | OriginFields
    | { readonly where: string; readonly row: number }
    | { readonly dir: string; readonly found: number | undefined; readonly expected: number | undefined };
  'data.learned': { readonly name: string; readonly learned: readonly string[] };
  'data.mnist-missing': { readonly path?: string };
  'data.names': { readonly names: readonly string[] };
  'data.not-finite': OriginFields;
  'data.npz': { readonly path: string };
  'data.option': { readonly reader: string; readonly option: string };
  'data.parquet': { readonly path: string };
  'data.scale': { readonly scale: number };
  'data.shape': OriginFields | { readonly where: string };

  'part.images': { readonly shape: readonly number[] };
  /** Whose part it is, and for whom it was read. */
  'part.several': { readonly dir: string; readonly clients: number };
  'part.index': { readonly dir: string; readonly found: number; readonly expected: number };
  'part.json': { readonly path: string };
  'part.missing': { readonly dir: string; readonly file: string };
  'part.samples': { readonly path: string; readonly found: number | undefined; readonly expected: number };
  'part.write': { readonly dir: string };

  'partition.column': { readonly column: string };
  'partition.definition': NoFields;
  'partition.invalid': { readonly name: string; readonly split: string };
  'partition.labels': { readonly partitioner: string };
  'partition.option': { readonly partitioner: string; readonly option: string };
  'partition.samples':
    | { readonly samples: number; readonly clients: number; readonly perClient?: number }
    | { readonly client: number };
  'partition.shards': { readonly perClient: number };
}
