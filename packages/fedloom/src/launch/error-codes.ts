import type { NoFields } from '@fedloom/engine/base';

/** A place in a text: where it comes from, line and column from 1. */
interface TextPlace {
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** What ended with it: `exit code 1`, and the last lines that it wrote. */
interface Ending {
  readonly host: string;
  readonly ranks: readonly number[];
  readonly how: string;
  readonly lines: readonly string[];
}

/** The errors of launching: code and fields. */
export interface LaunchErrors {
  'hostfile.empty': { readonly source: string };
  'hostfile.missing': NoFields;
  'hostfile.read': { readonly path: string };
  'hostfile.slots': { readonly processes: number; readonly slots: number };
  'hostfile.syntax': TextPlace & { readonly what: string };

  /** The run's folder could not be copied from the server's host. */
  'launch.fetch': {
    readonly host: string;
    readonly from: string;
    readonly to: string;
    readonly lines: readonly string[];
  };
  /** Others cannot reach the server at the address that they would be given. */
  'launch.address': { readonly host: string };
  'launch.mpi-elsewhere': { readonly host: string };
  'launch.mpi-users': { readonly source: string };
  /** There is no mpirun, or none that is known. */
  'launch.mpirun': { readonly says: string };
  'launch.part-failed': Ending;
  /** MPI runs a rank on another machine than that of its host. */
  'launch.placement': { readonly host: string; readonly rank: number };
  /** `failure`: why ssh did not get there, as far as its words say. */
  'launch.ssh': Ending & { readonly failure: string };

  'ssh-setup.address': { readonly host: string };
  /** Hosts that do not let this machine in, and what was said. */
  'ssh-setup.failed': { readonly hosts: readonly string[] };
  'ssh-setup.key': { readonly path: string };
}
