import { describe, expect, it } from 'vitest';
import { runScript } from '../run-script.js';
import { judgeHost } from './judge.js';
import { type HostFacts, PROBE, readFacts } from './probe.js';

const GOOD: HostFacts = {
  folder: true,
  node: '20.19.0',
  glibc: '2.28',
  fedloom: '0.1.0',
  plan: 'sha256:aa',
  diskBytes: 1e9,
  clockAheadMs: -300,
  gpus: [],
  missing: [],
};
const NEEDS = { fedloom: '0.1.0', plan: 'sha256:aa', folder: '/work' };

describe('judgeHost', () => {
  it('finds nothing wrong with a host that has all that a run needs', () => {
    expect(judgeHost(GOOD, NEEDS)).toEqual([]);
    expect(judgeHost({ ...GOOD, plan: 'sha256:bb' }, { ...NEEDS, plan: undefined })).toEqual([]);
  });

  const { node: _node, glibc: _glibc, fedloom: _fedloom, plan: _plan, ...little } = GOOD;
  it.each<[what: string, facts: HostFacts, message: string]>([
    ['Node is too old', { ...GOOD, node: '20.9.1' }, 'Node 20.9.1 is too old: 20.19.0 or later'],
    ['glibc is too old', { ...GOOD, glibc: '2.17' }, 'glibc 2.17 is too old'],
    ['fedloom is another', { ...GOOD, fedloom: '0.2.0' }, 'It has fedloom 0.2.0, this machine 0.1.0'],
    ['the plan is another', { ...GOOD, plan: 'sha256:bb' }, 'another plan than the one here'],
    ['data are missing', { ...GOOD, missing: ['/data/client_3'] }, 'not there: /data/client_3'],
    ['the disk is full', { ...GOOD, diskBytes: 12e6 }, 'Its disk has 12 MB left; 200 MB are needed.'],
    ['the folder is missing', { ...little, folder: false }, 'no folder /work'],
  ])('says that %s', (_what, facts, message) => {
    expect(judgeHost(facts, NEEDS)).toEqual([{ kind: 'problem', what: expect.stringContaining(message) }]);
  });

  it('says that Node, glibc and fedloom are missing', () => {
    const found = judgeHost({ ...little, noFedloom: 'sh: fedloom: not found' }, NEEDS);
    expect(found.map(({ what }) => what)).toEqual([
      expect.stringContaining('Node is not found'),
      expect.stringContaining('not glibc'),
      expect.stringContaining('does not start (sh: fedloom: not found)'),
    ]);
  });

  it('remarks that a clock is wrong, which fails no run', () => {
    expect(judgeHost({ ...GOOD, clockAheadMs: 65_000 }, NEEDS)).toEqual([
      { kind: 'remark', what: expect.stringContaining('65 s ahead') },
    ]);
  });
});

describe('the probe', () => {
  const here = { host: { name: 'here' }, ssh: undefined };

  it('tells what this machine is like', async () => {
    const fedloom = 'sh -c \'[ "$1" = --version ] && echo 1.2.3 || echo "plan of $3"\' fedloom';
    const end = await runScript(here, PROBE, ['/', process.execPath, fedloom, "a task's.ts", '/tmp', '/no/such path']);
    const facts = readFacts(end);
    expect(facts).toMatchObject({
      folder: true,
      node: process.version.slice(1),
      fedloom: '1.2.3',
      plan: "plan of a task's.ts",
      missing: ['/no/such path'],
    });
    expect(facts?.diskBytes).toBeGreaterThan(1e6);
    expect(Math.abs(facts?.clockAheadMs ?? Number.NaN)).toBeLessThan(60_000);
  });

  it('tells why fedloom does not start, and of a folder that is missing', async () => {
    const end = await runScript(here, PROBE, ['/', 'no-such-node', 'no-such-fedloom', '']);
    expect(readFacts(end)?.noFedloom).toContain('not found');
    expect(readFacts(end)).not.toHaveProperty('node');
    expect(readFacts(await runScript(here, PROBE, ['/no/such', 'node', 'fedloom', '']))?.folder).toBe(false);
  });

  it('says nothing where it did not come to its end', () => {
    expect(readFacts({ code: 255, stdout: 'time 1\n', lines: ['ssh: lost'] })).toBeUndefined();
  });
});
