/** Whoever installs fedloom runs no script of a package's, and so reaches nothing but npm's registry. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './source-tree.js';

interface Locked {
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly version?: string;
}

const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const locked: Readonly<Record<string, Locked>> = read('package-lock.json').packages;

describe('install scripts', () => {
  it('are of no package that is needed at run time', () => {
    const used = Object.entries(locked).filter(([, { dev }]) => !dev);
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
  });

  it('do not run for onnxruntime-node in a clone: npm 10 goes by the lock file, npm 11 by allowScripts', () => {
    // `npm install onnxruntime-node` notes in the lock file that it has one: take the line away.
    expect(locked['node_modules/onnxruntime-node']).not.toHaveProperty('hasInstallScript');
    expect(read('package.json').allowScripts).toEqual({ 'onnxruntime-node': false });
  });
});

it('@fedloom/onnxruntime has the version of what it takes over', () => {
  const { version, dependencies, devDependencies } = read('packages/onnxruntime/package.json');
  expect([dependencies['onnxruntime-common'], devDependencies['onnxruntime-node']]).toEqual([version, version]);
  expect(read('packages/engine/package.json').dependencies['@fedloom/onnxruntime']).toBe(version);
});
