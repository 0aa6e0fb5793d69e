/** deploy/kubernetes against the schemas of the Kubernetes API, and against the command that it starts. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Workplace } from '../cli/fedloom.js';
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
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
}
interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec: { readonly containers: Container[]; readonly volumes: Volume[] } };
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

  it('the commands on top make each file that a pod reads as a secret, and no pod is open to everybody', async () => {
    const place = await Workplace.create();
    const typed = [...MANIFESTS.matchAll(/^# {3}(npx fedloom|kubectl) (.*)$/gm)];
    const made = new Map<string, string[]>();
    for (const [, program, rest = ''] of typed) {
      if (program === 'kubectl') {
        const files = [...rest.matchAll(/--from-file=(\S+)/g)].map(([, file = '']) => file);
        await Promise.all(files.map((file) => access(join(place.path, file))));
        made.set(
          /generic (\S+)/.exec(rest)?.[1] ?? '',
          files.map((file) => basename(file)),
        );
      } else expect((await place.run(rest)).code, rest).toBe(0);
    }
    const pods = validated(MANIFESTS, '1.37').flatMap(({ spec }) => spec?.template?.spec ?? []);
    const read = pods.flatMap(({ containers, volumes }) =>
      containers.flatMap(({ args, volumeMounts }) => {
        expect(args.join(' ')).not.toMatch(/--insecure|--server=ws:/);
        const { secret, name } = volumes.find((volume) => volume.secret !== undefined) ?? {};
        const { mountPath = '' } = volumeMounts.find((mount) => mount.name === name) ?? {};
        // Files that everybody may read are refused.
        expect(secret?.defaultMode).toBe(0o440);
        const files = args.flatMap((arg) => (arg.includes(`=${mountPath}/`) ? [basename(arg)] : []));
        return [[secret?.secretName, files.sort()]];
      }),
    );
    expect(read).toEqual([...made].map(([name, files]) => [name, files.sort()]));
    expect(read).toHaveLength(2);
  });
});
