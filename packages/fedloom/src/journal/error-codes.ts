type SavedVersion = { readonly version: number; readonly round: number; readonly blobs: readonly string[] };

/** What is damaged: an entry of the log, counted from 0, and where it begins; or a blob. */
type DamagedPart = { readonly entry: number; readonly offset: number } | { readonly blob: string };

/** The errors of journals: code and fields. */
export interface JournalErrors {
  'journal.corrupt': DamagedPart & {
    readonly place: string;
    readonly roundsBefore: number;
    readonly entriesAfter: number;
    readonly saved?: SavedVersion;
  };
  'journal.finished': { readonly run: string; readonly rounds: number; readonly modelHash: string };
  'journal.in-use': { readonly place: string };
  'journal.locked': {
    readonly path: string;
    readonly pid: number;
    readonly host: string;
    readonly since: string;
  };
  'journal.none': { readonly place: string };
  'journal.task-changed': {
    readonly what: string;
    readonly name?: string;
    readonly begun: unknown;
    readonly now: unknown;
    readonly changes?: readonly string[];
  };
  'journal.version':
    | { readonly found: number; readonly known: number }
    | { readonly entry: number; readonly issues: readonly string[] }
    | { readonly run: string; readonly begun: string; readonly now: string }
    | { readonly version: number };
}
