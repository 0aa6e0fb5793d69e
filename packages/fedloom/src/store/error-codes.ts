/** The errors of run folders: code and fields. */
export interface StoreErrors {
  'admin.absent': { readonly run: string };
  'audit.broken': { readonly line: number };
  'audit.head': { readonly expected: string; readonly actual: string };
  'store.damaged': { readonly path: string; readonly line: number };
  'store.unknown-run': { readonly id: string; readonly root: string };
  'store.version': { readonly path: string; readonly found: unknown; readonly known: number };
}
