import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type CompiledFile, readCache, writeCache } from './cache-file.js';

const folder = mkdtempSync(join(tmpdir(), 'fedloom-cache-'));
const place = join(folder, 'run-1');
afterEach(() => rmSync(place, { force: true }));

const files: readonly CompiledFile[] = [
  { file: '/somewhere/main.js', source: 0xffffffff, code: Buffer.from([1, 2, 3]) },
  { file: '/sömewhere/else.js', source: 7, code: Buffer.alloc(100_000, 5) },
  { file: '/empty.js', source: 0, code: Buffer.alloc(0) },
];

it('gives back what was written, aligned', () => {
  writeCache(place, files);
  const read = readCache(place);
  expect([...read.values()].map(({ code, ...rest }) => ({ ...rest, code: Buffer.from(code) }))).toEqual(files);
  for (const { code } of read.values()) expect(code.byteOffset % 8).toBe(0);
  writeCache(place, files.slice(1, 2));
  expect([...readCache(place).keys()]).toEqual(['/sömewhere/else.js']);
});

it('has nothing where there is no file, a damaged one, or part of one', () => {
  expect(readCache(place).size).toBe(0);
  writeCache(place, files);
  const whole = readFileSync(place);
  for (const at of [0, 5, 30, 120, whole.length - 1]) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ 1;
    writeFileSync(place, damaged);
    expect(readCache(place).size).toBe(0);
  }
  for (const length of [0, 4, 8, 200, whole.length - 8]) {
    writeFileSync(place, whole.subarray(0, length));
    expect(readCache(place).size).toBe(0);
  }
});

it('leaves nothing behind where the place cannot be taken', () => {
  mkdirSync(place);
  writeCache(place, files);
  expect(readdirSync(folder)).toEqual(['run-1']);
  rmSync(place, { recursive: true });
});

it('lets a disk that takes nothing be', () => {
  expect(() => writeCache(join(folder, 'nowhere', 'run-1'), files)).not.toThrow();
});
