import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';

/** One `key: value` of a FedML configuration. */
export interface ConfigEntry {
  readonly key: string;
  /** `train_args`; empty for a key outside of all sections. */
  readonly section: string;
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
}

/**
 * The entries of a FedML configuration (`fedml_config.yaml`), in the order of the file. FedML itself makes one namespace of all
 * sections, so that a key's section says nothing.
 * @throws FedloomError `fedml-config.file` when the file cannot be read, or is none; `fedml-config.value` for a key that stands twice
 */
export async function readConfig(path: string): Promise<ConfigEntry[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'There is no such file.' : cause.message;
    throw new FedloomError(
      'fedml-config.file',
      `Cannot read the FedML configuration ${path}: ${why}`,
      { path },
      { cause },
    );
  });
  // Loaded here, since most commands read none.
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const lineAt = (node: unknown): number =>
    lines.linePos((node as { readonly range?: readonly number[] | null }).range?.[0] ?? 0).line;
  const [error] = document.errors;
  if (error !== undefined) {
    const at = error.linePos?.[0].line ?? 1;
    const [what = 'it is no YAML'] = error.message.split('\n');
    throw new FedloomError('fedml-config.file', `${path}:${at}: ${what}`, { path });
  }
  if (document.contents !== null && !isMap(document.contents)) {
    const message = `${path} is no FedML configuration: it reads like "train_args:" with indented "comm_round: 50" lines.`;
    throw new FedloomError('fedml-config.file', message, { path });
  }
  const entries: ConfigEntry[] = [];
  for (const { key, value } of document.contents?.items ?? []) {
    const name = String(isScalar(key) ? key.value : key);
    if (!isMap(value)) {
      entries.push({ key: name, section: '', value: document.get(name), line: lineAt(key) });
      continue;
    }
    for (const { key: inner } of value.items) {
      const own = String(isScalar(inner) ? inner.value : inner);
      entries.push({ key: own, section: name, value: document.getIn([name, own]), line: lineAt(inner) });
    }
  }
  refuseDoubles(path, entries);
  return entries;
}

function refuseDoubles(path: string, entries: readonly ConfigEntry[]): void {
  const first = new Map<string, ConfigEntry>();
  for (const entry of entries) {
    const before = first.get(entry.key);
    first.set(entry.key, before ?? entry);
    if (before === undefined || String(before.value) === String(entry.value)) continue;
    const message =
      `${path}:${entry.line}: ${entry.key} is ${String(entry.value)} in ${entry.section}, and ${String(before.value)} in ` +
      `${before.section} (line ${before.line}). Leave one of them.`;
    throw new FedloomError('fedml-config.value', message, { path, key: entry.key, value: entry.value });
  }
}
