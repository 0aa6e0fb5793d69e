import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { crc32 } from 'node:zlib';

/** What V8 made of one source file. */
export interface CompiledFile {
  readonly file: string;
  /** CRC-32 of the source: V8 itself compares lengths only. */
  readonly source: number;
  readonly code: Buffer;
}

interface Header {
  readonly files: readonly { readonly file: string; readonly source: number; readonly length: number }[];
}

/** CRC-32 of all that follows, length of the header. V8 trusts what it is given, so that a damaged file must not reach it. */
const PREFIX_BYTES = 8;
/** V8 copies code that is not aligned before it reads it. */
const ALIGNMENT = 8;

/** By file; empty where there is no cache, or a damaged one. */
export function readCache(place: string): ReadonlyMap<string, CompiledFile> {
  const found = new Map<string, CompiledFile>();
  try {
    const bytes = readFileSync(place);
    if (crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0)) return found;
    const end = PREFIX_BYTES + bytes.readUInt32LE(4);
    const { files } = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, end)) as Header;
    let at = aligned(end);
    for (const { file, source, length } of files) {
      found.set(file, { file, source, code: bytes.subarray(at, at + length) });
      at = aligned(at + length);
    }
  } catch {
    found.clear();
  }
  return found;
}

/** Replaces the cache in one step, since others may be reading it. Where that fails, the next process compiles again. */
export function writeCache(place: string, files: readonly CompiledFile[]): void {
  const header: Header = { files: files.map(({ file, source, code }) => ({ file, source, length: code.length })) };
  const json = Buffer.from(JSON.stringify(header));
  const starts: number[] = [];
  let end = aligned(PREFIX_BYTES + json.length);
  for (const { code } of files) {
    starts.push(end);
    end = aligned(end + code.length);
  }
  const bytes = Buffer.alloc(end);
  bytes.writeUInt32LE(json.length, 4);
  json.copy(bytes, PREFIX_BYTES);
  for (const [index, { code }] of files.entries()) code.copy(bytes, starts[index]);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  const temporary = `${place}.${process.pid}-${threadId}`;
  try {
    writeFileSync(temporary, bytes, { mode: 0o600 });
    renameSync(temporary, place);
  } catch {
    // A full disk, say: nothing is lost but time.
    rmSync(temporary, { force: true });
  }
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}
