import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { FedloomError, freeBytes, uninitializedBytes } from 'fedloom';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { describeWithMpi } from '../testing/mpirun.js';
import { buildIfPossible } from './load-addon.js';

const here = fileURLToPath(new URL('../..', import.meta.url));
/** The package as it is installed: nothing is compiled yet. */
const folder = mkdtempSync(join(tmpdir(), 'fedloom-addon-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
for (const part of ['dist', 'native', 'package.json'])
  cpSync(join(here, part), join(folder, part), { recursive: true });
rmSync(join(folder, 'dist/addon-built'), { recursive: true, force: true });
mkdirSync(join(folder, 'node_modules'));
const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'));
symlinkSync(headers, join(folder, 'node_modules/node-api-headers'));

const SCRIPT = `
  import { FedloomError, freeBytes, uninitializedBytes } from ${JSON.stringify(import.meta.resolve('fedloom'))};
  const { openMpiWith } = await import(${JSON.stringify(pathToFileURL(join(folder, 'dist/plug.js')).href)});
  const opened = await openMpiWith({ FedloomError, freeBytes, uninitializedBytes }, undefined).catch((reason) => reason);
  const { code, message, rank } = opened;
  console.log(JSON.stringify({ code, message, rank }));
  await opened.close?.();
`;
writeFileSync(join(folder, 'script.mjs'), SCRIPT);

function openWith(compiler: string): { readonly code?: string; readonly message?: string; readonly rank?: number } {
  const env = { ...process.env, FEDLOOM_MPICXX: compiler, XDG_CACHE_HOME: folder };
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'script.mjs')], { env, encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

it('says how to install MPI where there is none', () => {
  const { code, message } = openWith('mpicxx-of-nobody');
  expect(code).toBe('mpi.missing');
  expect(message).toMatch(/no mpicxx in PATH\. Install it on every host: apt-get install openmpi-bin libopenmpi-dev/);
});

it('says what the compiler says where it fails', () => {
  const compiler = join(folder, 'mpicxx');
  writeFileSync(compiler, '#!/bin/sh\necho "mpi.h: No such file" >&2\nexit 1\n', { mode: 0o755 });
  const { code, message } = openWith(compiler);
  expect(code).toBe('mpi.build');
  expect(message).toMatch(/mpicxx could not compile the MPI addon\. .*libopenmpi-dev.*:\n {2}mpi\.h: No such file/s);
});

describeWithMpi('where the compiler fails', () => {
  it('takes what was compiled elsewhere', () => {
    const copy = join(folder, 'dist/addon-built');
    cpSync(join(here, 'dist/addon-built'), copy, { recursive: true });
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    const compiler = join(folder, 'mpicxx');
    writeFileSync(compiler, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect(openWith(compiler)).toEqual({ rank: 0 });
  });
});

it('compiles nothing ahead where there is no compiler, and does not mind', async () => {
  const path = process.env.PATH;
  process.env.PATH = folder;
  rmSync(join(folder, 'mpicxx'), { force: true });
  expect(await buildIfPossible({ FedloomError, freeBytes, uninitializedBytes })).toBeUndefined();
  process.env.PATH = path;
});
