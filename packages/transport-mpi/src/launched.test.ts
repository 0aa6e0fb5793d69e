import { FedloomError, freeBytes, uninitializedBytes } from 'fedloom';
import { expect, it } from 'vitest';
import { checkFlavour, checkWorld, flavourOf, versionOf } from './launched.js';

const library = { FedloomError, freeBytes, uninitializedBytes };
const OPEN_MPI = 'Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022';
const MPICH = 'MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7 12:34:45 CDT 2022\nMPICH ABI:\t14:2:2\n';

it('knows Open MPI and MPICH by how they name themselves', () => {
  expect([OPEN_MPI, MPICH].map(flavourOf)).toEqual(['Open MPI', 'MPICH']);
  expect([OPEN_MPI, MPICH].map(versionOf)).toEqual(['Open MPI v4.1.4', 'MPICH 4.0.2']);
});

it("refuses another MPI's library than the launcher's, and no other", () => {
  const launched = { by: 'MPICH', rank: 1, size: 4 } as const;
  expect(() => checkFlavour(library, launched, OPEN_MPI)).toThrow(
    expect.objectContaining({
      code: 'mpi.mixed',
      message: expect.stringMatching(/mpirun of MPICH, but .* Open MPI v4\.1\.4/),
    }),
  );
  expect(() => checkFlavour(library, launched, MPICH)).not.toThrow();
  expect(() => checkFlavour(library, { ...launched, by: 'Slurm' }, OPEN_MPI)).not.toThrow();
  expect(() => checkFlavour(library, undefined, OPEN_MPI)).not.toThrow();
});

it('refuses a world that is not as large as the launch', () => {
  const launched = { by: 'Slurm', rank: 1, size: 4 } as const;
  expect(() => checkWorld(library, launched, { size: 1, implementation: OPEN_MPI })).toThrow(
    /Slurm started 4 processes, but .* 1\./,
  );
  expect(() => checkWorld(library, launched, { size: 4, implementation: OPEN_MPI })).not.toThrow();
});
