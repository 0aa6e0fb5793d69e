import { describe, expect, it } from 'vitest';
import type { HostList } from './hostfile/host.js';
import { mpirunCommand, mpirunHosts, mpirunKind } from './mpirun.js';
import { placeRanks } from './placement.js';

const list: HostList = { source: 'hosts', hosts: [{ name: 'Head' }, { name: 'One' }, { name: 'Two', slots: 1 }] };
const ranks = placeRanks(list, 6);
const request = {
  ...{ list, ranks, hostFile: '/tmp/h', folder: '/my runs', asRoot: false, ssh: {} },
  command: "node fedloom.cjs node 'a b.ts'",
};

describe('mpirun', () => {
  it('is known by what it says of itself', () => {
    expect(mpirunKind('mpirun (Open MPI) 4.1.4\n\nReport bugs to ...')).toBe('Open MPI');
    expect(mpirunKind('mpirun.real (OpenRTE) 3.1\n')).toBe('Open MPI');
    expect(mpirunKind('HYDRA build details:\n    Version: 4.0.2\n')).toBe('MPICH');
    expect(() => mpirunKind('mpirun of somebody\n')).toThrow('it says: "mpirun of somebody"');
  });

  it('is given hosts by which it deals as we do', () => {
    expect(ranks).toEqual([[0, 3, 5], [1, 4], [2]]);
    expect(mpirunHosts('Open MPI', list, ranks)).toBe('Head slots=3\nOne slots=2\nTwo slots=1\n');
    expect(mpirunHosts('MPICH', list, ranks)).toBe('Head:1\nOne:1\nTwo:1\nHead:1\nOne:1\nHead:1\n');
    // A host that gets none is left out.
    expect(mpirunHosts('Open MPI', list, [[0], [1], []])).toBe('Head slots=1\nOne slots=1\n');
  });

  it('is called with the arguments of its kind', () => {
    expect(mpirunCommand({ ...request, kind: 'Open MPI', asRoot: true })).toBe(
      "mpirun --allow-run-as-root -np 6 --hostfile /tmp/h --map-by node --bind-to none -wdir '/my runs' " +
        "--mca plm_rsh_args '-o BatchMode=yes' node fedloom.cjs node 'a b.ts'",
    );
    expect(mpirunCommand({ ...request, kind: 'MPICH', ssh: { port: 2222, user: 'ada' } })).toBe(
      "env 'HYDRA_LAUNCHER_EXTRA_ARGS=-o BatchMode=yes -p 2222 -l ada' mpirun -f /tmp/h -np 6 -bind-to none -wdir '/my runs' " +
        "node fedloom.cjs node 'a b.ts'",
    );
  });

  it('logs in as one user', () => {
    const hosts = [{ name: 'Head', user: 'ada' }, { name: 'One' }];
    const of = (own: HostList) => mpirunCommand({ ...request, kind: 'Open MPI', list: own });
    expect(() => of({ source: 'hosts', hosts })).toThrow('hosts names several users (ada, this user)');
    expect(of({ source: 'hosts', hosts: hosts.map((host) => ({ ...host, user: 'ada' })) })).toContain('-l ada');
  });
});
