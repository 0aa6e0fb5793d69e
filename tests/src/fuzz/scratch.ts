import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what is read from files, gone with the process. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-fuzz-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
