/** Who started this process as one of several, and which of them it is. */
export interface Launched {
  /** `slurm`: srun, with the MPI that the program brings along. */
  readonly by: 'Open MPI' | 'MPICH' | 'Slurm';
  readonly rank: number;
  /** How many there are. */
  readonly size: number;
}

export type LauncherEnvironment = Readonly<Record<string, string | undefined>>;

/** Where each launcher says it; the first that speaks counts. Under srun, Open MPI's processes see Slurm's variables alone. */
const LAUNCHERS: readonly { readonly by: Launched['by']; readonly rank: string; readonly size: string }[] = [
  { by: 'Open MPI', rank: 'OMPI_COMM_WORLD_RANK', size: 'OMPI_COMM_WORLD_SIZE' },
  // Hydra, also of Intel MPI and MVAPICH; `srun --mpi=pmi2` too.
  { by: 'MPICH', rank: 'PMI_RANK', size: 'PMI_SIZE' },
  // PMIx says no size.
  { by: 'Slurm', rank: 'PMIX_RANK', size: 'SLURM_STEP_NUM_TASKS' },
];

/** A step of Slurm without an MPI: only for who asks, since a batch script that starts one process looks alike. */
const SLURM = { by: 'Slurm', rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS' } as const;

/** What the environment says of the MPI job that this process belongs to; undefined where it belongs to none. */
export function launchedAs(env: LauncherEnvironment): Launched | undefined {
  for (const launcher of LAUNCHERS) {
    const launched = read(env, launcher);
    if (launched === undefined) continue;
    // Slurm speaks MPICH's language where it is told to.
    const bySlurm = launched.by === 'MPICH' && env.SLURM_STEP_ID !== undefined;
    return bySlurm ? { ...launched, by: 'Slurm' } : launched;
  }
  return undefined;
}

/** The same, and steps of Slurm without MPI: rank and size for processes that talk in another way. */
export function startedAs(env: LauncherEnvironment): Launched | undefined {
  return launchedAs(env) ?? read(env, SLURM);
}

function read(env: LauncherEnvironment, { by, rank, size }: (typeof LAUNCHERS)[number]): Launched | undefined {
  const [rankNumber, sizeNumber] = [wholeNumber(env[rank]), wholeNumber(env[size])];
  if (rankNumber === undefined || sizeNumber === undefined || rankNumber >= sizeNumber) return undefined;
  return { by, rank: rankNumber, size: sizeNumber };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
