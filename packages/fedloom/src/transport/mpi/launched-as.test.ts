import { expect, it } from 'vitest';
import { launchedAs, startedAs } from './launched-as.js';

it.each([
  [
    'Open MPI',
    { OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '11', PMIX_RANK: '3' },
    { by: 'Open MPI', rank: 3, size: 11 },
  ],
  ['MPICH', { PMI_RANK: '0', PMI_SIZE: '2', PMI_FD: '7' }, { by: 'MPICH', rank: 0, size: 2 }],
  ['srun --mpi=pmi2', { PMI_RANK: '1', PMI_SIZE: '2', SLURM_STEP_ID: '0' }, { by: 'Slurm', rank: 1, size: 2 }],
  [
    'srun --mpi=pmix',
    { PMIX_RANK: '1', SLURM_STEP_NUM_TASKS: '4', SLURM_STEP_ID: '0' },
    { by: 'Slurm', rank: 1, size: 4 },
  ],
])('knows ranks of %s', (_launcher, env, expected) => {
  expect(launchedAs(env)).toEqual(expected);
  expect(startedAs(env)).toEqual(expected);
});

it.each([
  ['a shell', {}],
  ['a batch script of Slurm', { SLURM_PROCID: '0', SLURM_NTASKS: '8', SLURM_JOB_ID: '5' }],
  ['numbers that cannot be', { OMPI_COMM_WORLD_RANK: '4', OMPI_COMM_WORLD_SIZE: '4' }],
  ['half of what a launcher says', { PMI_RANK: '1' }],
])('%s is no rank', (_what, env) => {
  expect(launchedAs(env)).toBeUndefined();
});

it('a step of Slurm without MPI is one for who asks for it', () => {
  const env = { SLURM_PROCID: '2', SLURM_STEP_NUM_TASKS: '3' };
  expect(launchedAs(env)).toBeUndefined();
  expect(startedAs(env)).toEqual({ by: 'Slurm', rank: 2, size: 3 });
});
