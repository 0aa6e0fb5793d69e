import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './source-tree.js';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: true }>>;
}

// It downloads CUDA libraries. npm 10 runs what the lock file says has one: take the line out again where npm has put it in.
it("the lock file knows nothing of onnxruntime-node's install script", () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const entries = Object.entries(packages).filter(([path]) => path.endsWith('node_modules/onnxruntime-node'));
  expect(entries.map(([path, { hasInstallScript }]) => [path, hasInstallScript])).toEqual([
    ['node_modules/onnxruntime-node', undefined],
  ]);
});
