/** deploy/kubernetes against the schemas of the Kubernetes API, and against the command that it starts. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PYTHON } from '../integration/python.js';
import { root } from '../repository/source-tree.js';

const MANIFESTS = readFileSync(join(root, 'deploy/kubernetes/fedloom.yaml'), 'utf8');
const COMMAND = join(root, 'packages/fedloom/bin/fedloom.cjs');
const API_VERSIONS = ['1.26', '1.37'];

/** Prints the documents as JSON once each is what the schemas say, with no field that they do not know. */
const VALIDATE = `
import json, sys, kubernetes_validate, yaml
documents = list(yaml.safe_load_all(sys.stdin))
for document in documents:
    kubernetes_validate.validate(document, sys.argv[1], strict=True)
json.dump(documents, sys.stdout)
`;

const installed = spawnSync(PYTHON, ['-c', 'import kubernetes_validate']).status === 0;
const skipped = !installed && process.env.CI !== 'true';

interface Container {
  readonly args: readonly string[];
}
interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec: { readonly containers: Container[] } };
  };
}

function validated(manifests: string, version: string): Manifest[] {
  const printed = execFileSync(PYTHON, ['-c', VALIDATE, version], {
    input: manifests,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return JSON.parse(printed.toString()) as Manifest[];
}

describe.skipIf(skipped)(skipped ? 'Kubernetes (tools/python/install.sh)' : 'Kubernetes', () => {
  it.each(API_VERSIONS)('the manifests are what the API of %s says', (version) => {
    const kinds = validated(MANIFESTS, version).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['Job', 'StatefulSet', 'PersistentVolumeClaim', 'Service']));
  });

  it('a field that the API does not know would be found', () => {
    const misspelt = MANIFESTS.replace('serviceName:', 'serviceNames:');
    expect(() => validated(misspelt, '1.37')).toThrow(/serviceName/);
  });

  it('there are as many clients as COMPUTE_NODES says, and all share the configured clients', () => {
    const manifests = validated(MANIFESTS, '1.37');
    const { data } = manifests.find(({ kind }) => kind === 'ConfigMap') ?? {};
    expect(String(manifests.find(({ kind }) => kind === 'StatefulSet')?.spec?.replicas)).toBe(data?.COMPUTE_NODES);
  });

  it.each([
    ['Job', 'server'],
    ['StatefulSet', 'client'],
  ])('what the %s starts has only options that the command knows', (kind, command) => {
    const container = validated(MANIFESTS, '1.37').find((manifest) => manifest.kind === kind)?.spec?.template?.spec
      .containers[0];
    const options = (container?.args ?? []).flatMap((arg) => /^--[a-z-]+/.exec(arg) ?? []);
    expect(options.length).toBeGreaterThan(2);
    const help = execFileSync(process.execPath, [COMMAND, command, '--help']).toString();
    expect(options.filter((option) => !help.includes(` ${option} `))).toEqual([]);
  });
});
