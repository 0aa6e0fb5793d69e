import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './source-tree.js';

const manifest = (path: string) => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));

it('all packages carry the version that the code reports', () => {
  const code = readFileSync(join(root, 'packages/fedloom/src/core/version.ts'), 'utf8');
  const version = /VERSION = '([^']+)'/.exec(code)?.[1];
  expect(manifest('packages/fedloom').version).toBe(version);
  expect(manifest('packages/engine').version).toBe(version);
  expect(manifest('packages/transport-mpi').version).toBe(version);
  expect(manifest('packages/transport-mpi').peerDependencies.fedloom).toBe(version);
  expect(manifest('packages/fedloom').dependencies['@fedloom/engine']).toBe(version);
  const mqtt = manifest('packages/transport-mqtt');
  expect([mqtt.version, mqtt.dependencies['@fedloom/engine'], mqtt.peerDependencies.fedloom]).toEqual([
    version,
    version,
    version,
  ]);
});
